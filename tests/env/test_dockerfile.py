"""The Dockerfile, read as docker reads it: pinned base, no secrets, no root, and every file it copies is there."""

import fnmatch
import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"FROM", "COPY", "RUN", "WORKDIR", "VOLUME", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, rest) of each, comments dropped and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.strip().split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


FILE = instructions((ROOT / "env/Dockerfile").read_text())


def of(name: str) -> list[str]:
    return [rest for word, rest in FILE if word == name]


def test_the_parser_joins_lines_and_drops_comments():
    text = "FROM a:1\n# no\nRUN x \\\n    # in between\n    && y\n\nUSER me\n"

    assert instructions(text) == [("FROM", "a:1"), ("RUN", "x && y"), ("USER", "me")]


def test_only_known_instructions_and_nothing_from_the_net():
    """ADD would fetch addresses and unpack archives unasked."""
    assert {word for word, _ in FILE} == KNOWN
    assert not re.search(r"curl|wget|https?://(?!127\.0\.0\.1)", " ".join(of("RUN") + of("COPY")))


def test_the_base_is_one_pinned_cuda_image():
    (base,) = of("FROM")

    assert FILE[0] == ("FROM", base)
    assert re.fullmatch(r"nvidia/cuda:\d+\.\d+\.\d+-(base|runtime)-ubuntu\d\d\.04", base)


def test_it_does_not_run_as_root():
    """The last USER is a made one, and root does nothing after it."""
    words = [word for word, _ in FILE]
    (user,) = of("USER")

    assert user not in ("root", "0")
    assert any(f" {user}" in command and "useradd" in command for command in of("RUN"))
    assert "RUN" not in words[words.index("USER") :]
    assert "COPY" not in words[words.index("USER") :]


def test_no_secret_is_baked_in():
    for rest in of("ENV") + of("RUN") + of("CMD"):
        assert not re.search(r"token|passw|secret|api_?key", rest, re.IGNORECASE), rest


def ignored(name: str) -> bool:
    """Whether .dockerignore keeps this path out: the last rule that matches it, or a folder above it, decides."""
    out = False
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if not rule.strip() or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!")
        parts = [name, *map(str, list(Path(name).parents)[:-1])]
        if any(fnmatch.fnmatch(part, pattern.removeprefix("**/")) or _same(part, pattern) for part in parts):
            out = not rule.startswith("!")
    return out


def _same(part: str, pattern: str) -> bool:
    return pattern.startswith("**/") and fnmatch.fnmatch(Path(part).name, pattern.removeprefix("**/"))


def copied() -> list[str]:
    return [source for rest in of("COPY") for source in rest.split()[:-1]]


@pytest.mark.parametrize("source", copied())
def test_what_is_copied_is_there_and_let_through(source):
    path = ROOT / source
    files = [*path.rglob("*.py"), *path.glob("*.ipynb")] if path.is_dir() else [path]

    assert files
    for file in files:
        assert file.is_file()
        assert not ignored(str(file.relative_to(ROOT))), file


@pytest.mark.parametrize(
    "name",
    [".git/config", ".venv/bin/python", "notebooks/runs/abc/clip.mp4", "s2v_nb/__pycache__/cli.pyc", ".env"],
)  # fmt: skip
def test_nothing_else_goes_in(name):
    assert ignored(name)


def test_packages_come_pinned_with_those_of_the_gpu():
    (pip,) = [command for command in of("RUN") if "pip install" in command]

    assert "-c env/constraints.txt" in pip
    assert '".[gpu]"' in pip
    assert "--no-cache-dir" in pip


def test_debian_leaves_no_lists_behind():
    (apt,) = [command for command in of("RUN") if "apt-get install" in command]

    assert "--no-install-recommends" in apt
    assert apt.endswith("rm -rf /var/lib/apt/lists/*")


def test_what_costs_money_lies_on_the_volume():
    (volume,) = of("VOLUME")
    values = dict(re.findall(r"(\w+)=(\S+)", " ".join(of("ENV"))))

    assert all(values[name].startswith(volume + "/") for name in ("HF_HOME", "S2V_NB_MODELS", "XDG_CACHE_HOME"))
    assert f"--ServerApp.root_dir={volume}/" in of("CMD")[0]


def test_the_server_and_its_health_are_what_is_exposed():
    (port,) = of("EXPOSE")
    shell, option, script = json.loads(of("CMD")[0])
    probe = json.loads(re.search(r"\[.*\]", of("HEALTHCHECK")[0])[0])

    assert (shell, option) == ("bash", "-c")
    subprocess.run(["bash", "-nc", script], check=True)
    assert " && exec python -m jupyterlab " in script  # exec, so that `docker stop` reaches it
    assert f"--ServerApp.port={port} " in script
    assert "--config=/opt/s2v_nb/env/jupyter_server_config.py" in script
    compile(probe[2], "healthcheck", "exec")
    assert f"127.0.0.1:{port}/api" in probe[2]


def test_the_documents_publish_it_to_the_machine_only():
    for page in ("docs/platforms.md", "docs/platforms.zh.md", "env/Dockerfile"):
        runs = re.findall(r"^.*docker run .*$", (ROOT / page).read_text(), re.MULTILINE)

        assert runs
        assert all("-p 127.0.0.1:8888:8888 " in line and "-v s2v_nb:/data " in line for line in runs)
