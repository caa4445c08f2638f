"""Every platform is recognised by what it leaves in the environment or on the disk, and by nothing less."""

import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import pytest

from s2v_nb.errors import InputError
from s2v_nb.platforms import MIRROR, OWN, PLATFORMS, data_folder, detect, environment, prepare, tunnel

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "s2v_nb/platforms.py"
RUNPOD = {"RUNPOD_POD_ID": "k3x9ab", "RUNPOD_PUBLIC_IP": "203.0.113.7", "RUNPOD_TCP_PORT_22": "22017"}
VAST = {"VAST_CONTAINERLABEL": "C.4711", "PUBLIC_IPADDR": "203.0.113.8", "VAST_TCP_PORT_22": "41022"}


def disk(root: Path, *folders: str) -> Path:
    for folder in folders:
        (root / folder.lstrip("/")).mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("environ", "folders", "key"),
    [
        (RUNPOD, ["/workspace"], "runpod"),
        (VAST, [], "vast"),
        ({"VAST_TCP_PORT_22": "41022"}, [], "vast"),
        ({"AutoDLContainerUUID": "abc-1"}, [], "autodl"),
        ({}, ["/root/autodl-tmp"], "autodl"),
        ({}, ["/lambda/nfs/songs"], "lambda"),
        ({"COLAB_RELEASE_TAG": "release-colab"}, ["/content"], "colab"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "COLAB_GPU": "0"}, ["/kaggle/working"], "kaggle"),
        ({"PAPERSPACE_FQDN": "x.example"}, ["/storage", "/notebooks"], "paperspace"),
        ({}, ["/workspace", "/storage", "/content", "/home/me"], "own"),
        ({"RUNPOD_POD_ID": ""}, ["/lambda/nfs"], "own"),
    ],
)
def test_platforms_are_recognised(tmp_path, environ, folders, key):
    assert detect(environ, disk(tmp_path, *folders)).key == key


def test_files_alone_are_enough_in_a_login_without_the_environment(tmp_path):
    """An ssh login on RunPod inherits nothing; the platform's file tells the id and the address."""
    root = disk(tmp_path, "/workspace", "/etc")
    lines = [f'export {name}="{value}"' for name, value in RUNPOD.items()]
    (root / "etc/rp_environment").write_text("\n".join(["# comment", *lines, "broken"]) + "\n")

    found = detect({}, root)

    assert (found.key, found.stop_command) == ("runpod", "runpodctl stop pod k3x9ab")
    assert found.ssh == ("root", "203.0.113.7", "22017")


def test_a_folder_that_may_not_be_looked_into_is_no_platform(monkeypatch):
    """/root is closed to other users, and asking raises."""

    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", closed)

    assert detect({}) is not None
    assert detect({}).key in ("own", "lambda")


def test_folders_and_commands_are_filled_in(tmp_path):
    found = detect(RUNPOD, disk(tmp_path, "/workspace"))

    assert found.keeps == found.models == str(tmp_path / "workspace")
    assert found.stop_command == "runpodctl stop pod k3x9ab"
    assert tunnel(found, 8890) == "ssh -p 22017 -L 8890:127.0.0.1:8890 root@203.0.113.7"


def test_a_pod_without_volume_keeps_nothing(tmp_path):
    assert detect(RUNPOD, tmp_path).keeps == ""


def test_an_unmounted_drive_keeps_nothing(tmp_path):
    environ = {"COLAB_RELEASE_TAG": "release-colab"}

    assert detect(environ, disk(tmp_path, "/content")).keeps == ""
    disk(tmp_path, "/content/drive/MyDrive")
    assert detect(environ, tmp_path).keeps == str(tmp_path / "content/drive/MyDrive")


def test_vast_knows_its_number_from_the_label(tmp_path):
    assert detect(VAST, tmp_path).stop_command == "vastai stop instance 4711"
    assert detect({**VAST, "CONTAINER_ID": "12"}, tmp_path).stop_command == "vastai stop instance 12"


@pytest.mark.parametrize("evil", ["x; rm -rf /", "$(id)", "a b", "'", "\n"])
def test_an_id_that_is_none_gives_no_command(tmp_path, evil):
    assert detect({"RUNPOD_POD_ID": evil}, tmp_path).stop_command == ""


@pytest.mark.parametrize(
    ("environ", "folder", "line"),
    [
        ({"RUNPOD_POD_ID": "x"}, "/workspace", "ssh -p PORT -L 8888:127.0.0.1:8888 root@HOST"),
        ({}, "/root/autodl-tmp", "ssh -p PORT -L 8888:127.0.0.1:8888 root@HOST"),
        ({}, "/lambda/nfs/songs", "ssh -L 8888:127.0.0.1:8888 ubuntu@HOST"),
        ({"USER": "ada"}, "/home", "ssh -L 8888:127.0.0.1:8888 ada@HOST"),
        ({"KAGGLE_KERNEL_RUN_TYPE": "Batch"}, "/kaggle/working", ""),
    ],
)
def test_what_is_not_known_of_the_address_stands_in_capitals(tmp_path, environ, folder, line):
    assert tunnel(detect(environ, disk(tmp_path, folder)), 8888) == line


# --- the environment


def test_models_and_caches_go_to_the_disk_that_survives(tmp_path):
    data = disk(tmp_path, "/workspace") / "workspace/s2v_nb-data"

    assert environment(detect(RUNPOD, tmp_path), RUNPOD) == {
        "HF_HOME": f"{data}/huggingface",
        "S2V_NB_MODELS": f"{data}/models",
        "XDG_CACHE_HOME": f"{data}/cache",
        "HF_XET_HIGH_PERFORMANCE": "1",
    }


def test_kaggle_keeps_what_was_heard_but_not_the_models(tmp_path):
    """/kaggle/working is small and is saved with every version."""
    environ = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}

    wanted = environment(detect(environ, disk(tmp_path, "/kaggle/working")), environ)

    assert wanted["HF_HOME"].startswith(str(tmp_path / "kaggle/tmp"))
    assert wanted["XDG_CACHE_HOME"].startswith(str(tmp_path / "kaggle/working"))


def test_the_own_machine_keeps_its_places():
    assert environment(OWN, {}) == {"HF_XET_HIGH_PERFORMANCE": "1"}
    assert data_folder(OWN, {}) == ""


def test_what_the_user_chose_wins(tmp_path):
    environ = {**RUNPOD, "HF_HOME": "/mine", "S2V_NB_DATA": "/big"}

    wanted = environment(detect(environ, tmp_path), environ)

    assert "HF_HOME" not in wanted
    assert (wanted["S2V_NB_MODELS"], wanted["XDG_CACHE_HOME"]) == ("/big/models", "/big/cache")


@pytest.mark.parametrize(
    ("environ", "folder", "mirror"),
    [
        ({}, "/root/autodl-tmp", True),
        ({"MIRROR": "0"}, "/root/autodl-tmp", False),
        ({"MIRROR": "1"}, "/home", True),
        ({"MIRROR": ""}, "/home", False),
        ({}, "/home", False),
    ],
)
def test_the_mirror(tmp_path, environ, folder, mirror):
    """A mirror does not serve Xet, so the two settings come together."""
    wanted = environment(detect(environ, disk(tmp_path, folder)), environ)

    assert (wanted.get("HF_ENDPOINT"), wanted.get("HF_HUB_DISABLE_XET")) == ((MIRROR, "1") if mirror else (None, None))
    assert ("HF_XET_HIGH_PERFORMANCE" in wanted) is not mirror


def test_a_mirror_of_ones_own_goes_without_xet_too():
    wanted = environment(OWN, {"HF_ENDPOINT": "https://mirror.example"})

    assert wanted == {"HF_HUB_DISABLE_XET": "1"}


def test_the_environment_is_what_huggingface_hub_reads(tmp_path):
    """In a fresh process, set before the import, as the notebooks do."""
    code = (
        "import os; from s2v_nb.platforms import prepare; prepare(root=os.environ['FAKE'])\n"
        "from huggingface_hub import constants as c; print(c.HF_HUB_CACHE, c.ENDPOINT, c.HF_HUB_DISABLE_XET)"
    )
    root = disk(tmp_path, "/root/autodl-tmp")
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "FAKE": str(root)}

    found = subprocess.run(
        [sys.executable, "-c", code], env=clean, cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert found.stdout.split() == [f"{root}/root/autodl-tmp/s2v_nb-data/huggingface/hub", MIRROR, "True"]


# --- the first cell


def test_prepare_makes_the_folders_and_lets_colab_show_widgets(tmp_path, monkeypatch):
    calls = []
    output = types.SimpleNamespace(enable_custom_widget_manager=lambda: calls.append("enabled"))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(output=output))
    monkeypatch.delitem(sys.modules, "huggingface_hub", raising=False)
    environ = {"COLAB_RELEASE_TAG": "release-colab"}

    platform = prepare(environ, disk(tmp_path, "/content"))

    assert platform.key == "colab"
    assert calls == ["enabled"]
    assert environ["HF_HOME"] == str(tmp_path / "content/s2v_nb-data/huggingface")
    assert Path(environ["HF_HOME"]).is_dir()
    assert Path(environ["S2V_NB_MODELS"]).is_dir()


def test_prepare_refuses_when_it_comes_too_late(tmp_path, monkeypatch):
    """huggingface_hub has read its folders; models would fill the wrong disk."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", types.ModuleType("huggingface_hub"))
    environ = dict(RUNPOD)

    with pytest.raises(InputError, match="restart the kernel"):
        prepare(environ, disk(tmp_path, "/workspace"))
    assert environ == RUNPOD
    assert not (tmp_path / "workspace/s2v_nb-data").exists()


# --- run by its path


def run(*arguments, **environ) -> subprocess.CompletedProcess:
    clean = {"PATH": "/usr/bin:/bin", **environ}
    command = [sys.executable, "-I", "-W", "error", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=clean, capture_output=True, text=True, check=True)


def test_it_runs_by_its_path_with_the_standard_library_only(tmp_path):
    code = (
        "import runpy, sys; sys.path = [p for p in sys.path if 'site-packages' not in p]\n"
        f"runpy.run_path({str(SCRIPT)!r})"
    )

    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=tmp_path)
    assert run("--root", disk(tmp_path, "/workspace"), **RUNPOD).stdout.startswith("platform                 RunPod\n")


def test_a_shell_can_take_its_lines(tmp_path):
    """Even where folders have quotes and blanks in their names."""
    root = disk(tmp_path / "it's a $HOME", "/workspace")
    lines = run("--shell", "--port", 8890, "--root", root, **RUNPOD).stdout

    script = f'{lines}\nprintf \'%s\\n\' "$PLATFORM" "$PLATFORM_KEEPS" "$PLATFORM_TUNNEL"; env | grep ^HF_HOME='
    said = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout.splitlines()

    assert said == [
        "runpod",
        f"{root}/workspace",
        "ssh -p 22017 -L 8890:127.0.0.1:8890 root@203.0.113.7",
        f"HF_HOME={root}/workspace/s2v_nb-data/huggingface",
    ]


# --- the table and the documents


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: p.key)
def test_the_table_is_whole(platform):
    english, chinese = platform.bill

    assert english.isascii()
    assert re.search("[\u4e00-\u9fff]", chinese)
    assert platform.keeps.startswith("/")
    assert platform.models.startswith("/")
    assert platform.variables or platform.files
    assert shlex.split(platform.stop_command) == platform.stop_command.split()


PAGES = ("docs/platforms.md", "docs/platforms.zh.md")


@pytest.mark.parametrize(("page", "language"), [(PAGES[0], 0), (PAGES[1], 1)])
def test_the_documents_say_what_the_table_says(page, language):
    text = (ROOT / page).read_text()
    table = text[text.index("<!-- platforms -->") : text.index("<!-- /platforms -->")]
    rows = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table.splitlines()[3:]]

    said = {row[0]: row[1:] for row in rows}

    assert said == {
        p.name: [p.keeps, p.models, re.sub(r"{\w+}", "ID", p.stop_command), p.bill[language]] for p in PLATFORMS
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_platform_has_three_steps(page):
    sections = re.split(r"^## ", (ROOT / page).read_text(), flags=re.MULTILINE)[1:]
    steps = {part.splitlines()[0]: re.findall(r"^(\d)\. ", part, re.MULTILINE) for part in sections}

    for name in [p.name for p in PLATFORMS] + ["Own machine" if page == PAGES[0] else "自己的机器"]:
        assert steps[name] == ["1", "2", "3"], name


@pytest.mark.parametrize("page", PAGES)
def test_the_first_cell_of_the_documents_is_the_file(page):
    (block,) = re.findall(r"```\n(%pip.*?)```", (ROOT / page).read_text(), re.DOTALL)

    assert block == (ROOT / "env/first_cell.ipy").read_text()


def test_the_first_cell_runs_in_a_notebook(monkeypatch, tmp_path):
    """All but the installation, which needs the network, as IPython reads it."""
    from IPython.core.inputtransformer2 import TransformerManager

    source = TransformerManager().transform_cell((ROOT / "env/first_cell.ipy").read_text())
    asked = []
    shell = types.SimpleNamespace(run_line_magic=lambda *words: asked.append(words))
    monkeypatch.delitem(sys.modules, "huggingface_hub", raising=False)
    monkeypatch.setenv("HF_XET_HIGH_PERFORMANCE", "1")

    exec(source, {"get_ipython": lambda: shell})

    ((magic, line),) = asked
    assert magic == "pip"
    assert 's2v_nb[gpu] @ git+' in line  # fmt: skip
