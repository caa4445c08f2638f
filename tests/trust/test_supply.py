"""What is installed is what was locked, what may be installed is known, and weights are never unpickled."""

import ast
import importlib.util
import pickle
import re
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tests.trust.pickles import plant

ROOT = Path(__file__).resolve().parents[2]
ENV = ROOT / "env"


def script(name: str):
    """A script of ``env``, as a module."""
    sys.path.insert(0, str(ENV))
    try:
        spec = importlib.util.spec_from_file_location(name, ENV / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ENV))


LOCKED = script("locked")
AUDIT = script("audit")


# --- the lock


def entries() -> dict[str, Requirement]:
    return {name: Requirement(re.split(r" *\\\n| *--hash", entry)[0]) for name, entry in LOCKED.locked().items()}


def pins() -> dict[str, str]:
    lines = (ENV / "constraints.txt").read_text().split()
    return {LOCKED.canonical(name): version for name, version in (line.split("==") for line in lines)}


def test_every_pin_is_locked_with_its_version_and_hashes():
    """All but torch, whose files differ with the machine; those that other systems and Pythons need come on top."""
    lock = entries()
    versions = {name: str(requirement.specifier).removeprefix("==") for name, requirement in lock.items()}

    assert {name: versions.get(name) for name in pins() if name not in LOCKED.APART} == {
        name: version for name, version in pins().items() if name not in LOCKED.APART
    }
    assert not set(lock) & set(LOCKED.APART)
    assert all(lock[name].marker for name in lock.keys() - pins().keys())
    for name, entry in LOCKED.locked().items():
        hashes = re.findall(r"--hash=(\w+):([0-9a-f]+)", entry)
        assert hashes, name
        assert all(kind == "sha256" and len(digest) == 64 for kind, digest in hashes), name


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_system_has_all_of_it(system, python):
    """A marker never leaves out what pyproject names; on one system each package has one version."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    here = {"sys_platform": system, "python_version": python, "python_full_version": f"{python}.0", "os_name": "posix",
            "platform_machine": "aarch64", "implementation_name": "cpython", "extra": "",
            "platform_python_implementation": "CPython"}  # fmt: skip
    there = {name for name, wanted in entries().items() if wanted.marker is None or wanted.marker.evaluate(here)}
    named = [project["dependencies"], *project["optional-dependencies"].values()]

    wanted = {LOCKED.canonical(Requirement(line).name) for group in named for line in group}
    assert wanted - set(LOCKED.APART) <= there


def test_the_lock_names_no_place():
    text = (ENV / "requirements.lock").read_text()

    assert not re.search(r"://|index-url|find-links|@|/", text)
    assert all(Marker(str(wanted.marker)) for wanted in entries().values() if wanted.marker)


@pytest.mark.parametrize("name", ["setup.sh", "Dockerfile"])
def test_what_installs_uses_the_hashes(name):
    text = (ENV / name).read_text()

    assert "env/requirements.lock" in text
    assert subprocess.run(["bash", "-n", ENV / "setup.sh"], check=True).returncode == 0


def wheel(folder: Path, name: str = "tiny") -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return path


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_file_that_was_exchanged_is_refused(tmp_path, installer):
    """As set-up calls them: uv takes the lock as constraints, pip what was chosen of it."""
    import hashlib

    digest = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()
    words = "uv pip install" if installer == "uv" else "pip install --require-hashes"
    options = ["--no-deps", "--no-index", "--find-links", tmp_path, "--target"]
    command = [sys.executable, "-m", *words.split(), *options]
    if importlib.util.find_spec(installer) is None:
        pytest.skip(f"needs {installer}, which env/setup.sh installs")
    lock = tmp_path / "lock"
    results = []
    for number, known in enumerate((digest, "0" * 64)):
        lock.write_text(f"tiny==1.0 --hash=sha256:{known}\n")
        what = ["-c", lock, "tiny"] if installer == "uv" else ["-r", lock]
        done = subprocess.run([*map(str, command), str(tmp_path / str(number)), *map(str, what)], capture_output=True)
        results.append((done.returncode == 0, (tmp_path / str(number) / "tiny.py").exists()))

    assert results == [(True, True), (False, False)]


def test_what_pip_would_install_is_chosen_from_the_lock(tmp_path):
    report = tmp_path / "report.json"
    write = '{"install": [%s]}'
    names = [f'{{"metadata": {{"name": "{name}"}}}}' for name in ("NumPy", "torch", "s2v_nb", "Send2Trash")]
    report.write_text(write % ",".join(names))

    chosen = LOCKED.chosen(report)

    assert re.findall(r"^\S+(?===)", chosen, re.MULTILINE) == ["numpy", "send2trash"]
    assert chosen.count("--hash=sha256:") > 2
    report.write_text(write % '{"metadata": {"name": "left-pad"}}')
    with pytest.raises(SystemExit, match="left-pad"):
        LOCKED.chosen(report)


# --- the audit


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("MIT", ""),
        ("BSD License", ""),
        ("Apache-2.0 OR GPL-3.0-only", ""),
        ("LGPL-2.1-or-later", ""),
        ("GNU Lesser General Public License v2 (LGPLv2)", ""),
        ("GNU General Public License v3 (GPLv3)", "forbidden"),
        ("GPL-2.0-only AND MIT", "forbidden"),
        ("AGPL-3.0", "forbidden"),
        ("GNU Affero General Public License v3", "forbidden"),
        ("CC-BY-NC-4.0", "forbidden"),
        ("MIT with a Non-Commercial clause", "forbidden"),
        ("", "unknown"),
        ("ask me", "unknown"),
    ],
)
def test_licences(said, why):
    assert AUDIT.refusal(said) == why


def test_every_installed_package_may_be_used():
    installed = AUDIT.packages()

    assert len(installed) > 100
    assert {
        package.name: AUDIT.licence(package) for package in installed if AUDIT.refusal(AUDIT.licence(package))
    } == {}


def test_a_file_that_was_changed_after_it_was_installed_is_found(tmp_path):
    about = tmp_path / "tiny-1.0.dist-info"
    about.mkdir()
    (tmp_path / "tiny.py").write_text("good = True\n")
    good = "tiny.py,sha256=TNNADx3HTbUlzCDsPpW-8e4eNWxJ0PHC_50RcXmYgOA,12\n"
    import base64
    import hashlib

    digest = base64.urlsafe_b64encode(hashlib.sha256(b"good = True\n").digest()).rstrip(b"=").decode()
    (about / "RECORD").write_text(re.sub("sha256=[^,]+", f"sha256={digest}", good))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    package = Distribution.at(about)

    assert AUDIT.changed_files(package) == []
    (tmp_path / "tiny.py").write_text("good = False\n")
    assert AUDIT.changed_files(package) == ["tiny.py"]
    (tmp_path / "tiny.py").unlink()
    assert AUDIT.changed_files(package) == ["tiny.py"]


def test_what_could_not_be_looked_up_does_not_pass_for_safe():
    """The auditor itself says 'no known vulnerabilities' of packages that it was not told about."""
    skipped = '{"dependencies": [{"name": "numpy", "skip_reason": "not found"}]}'
    found = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}'

    assert AUDIT.read(skipped) == ([], 0)
    assert AUDIT.read(found) == (["a 1: X-1 (mended in 2)"], 1)


# --- weights

SOURCES = [path for folder in ("s2v_nb", "env", "notebooks", "bench") for path in (ROOT / folder).rglob("*.py")]
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def unsafe(source: str) -> list[str]:
    """Whatever could unpickle a file: imports of unpicklers, torch.load without weights_only=True, numpy's
    allow_pickle, pandas.read_pickle, code that a model repository brings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [name for name in names if name.split(".")[0] in UNPICKLERS]
        if isinstance(node, ast.Call):
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            name = ast.unparse(node.func)
            if name.endswith("torch.load") and words.get("weights_only") != "True":
                found.append(name)
            found += [f"{word}={value}" for word, value in words.items()
                      if word in ("allow_pickle", "trust_remote_code") and value != "False"]  # fmt: skip
            if name.rpartition(".")[2] in ("read_pickle", "Unpickler", "load_pickle") or "use_safetensors=False" in (
                f"{word}={value}" for word, value in words.items()
            ):
                found.append(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_code_can_unpickle_a_file(path):
    assert unsafe(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "torch.load(f)", "torch.load(f, weights_only=False)",
     "import dill as d", "np.load(f, allow_pickle=True)", "A.from_pretrained(x, trust_remote_code=True)",
     "pd.read_pickle(f)", "A.from_pretrained(x, use_safetensors=False)", "torch.load(f, weights_only=unsure)"],
)  # fmt: skip
def test_the_search_finds(source):
    assert unsafe(source)


def test_the_trap_works(tmp_path):
    sprung = plant(tmp_path / "model.safetensors")
    pickle.loads((tmp_path / "model.safetensors").read_bytes())

    assert sprung.exists()


def test_a_pickle_in_place_of_the_beat_networks_is_refused(tmp_path, monkeypatch):
    """The other loaders are tried in tests/models."""
    from s2v_nb.models import beatnet

    monkeypatch.setenv("S2V_NB_MODELS", str(tmp_path))
    beatnet.weights_path().parent.mkdir(parents=True)
    sprung = plant(beatnet.weights_path())
    beatnet.load_networks.cache_clear()

    assert not beatnet.have_weights()
    with pytest.raises(beatnet.WeightsMissing):
        beatnet.load_networks()
    assert not sprung.exists()


def test_a_pickle_in_the_wheel_of_the_beat_networks_is_not_run(tmp_path):
    """Should its checksum ever match: only tensors are read from it."""
    from s2v_nb.models import beatnet

    sprung = plant(tmp_path / "weights.pt")
    bad = tmp_path / "BeatNet.whl"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.write(tmp_path / "weights.pt", "BeatNet/models/model_1_weights.pt")

    with pytest.raises(pickle.UnpicklingError):
        beatnet._convert(bad, tmp_path / "out.safetensors")
    assert not sprung.exists()
    assert not (tmp_path / "out.safetensors").exists()
