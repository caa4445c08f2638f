"""What a newcomer and an installer rely on: light import, names, locks and documents that agree with one another."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import s2v_nb
from s2v_nb.settings import CONTROLS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HEAVY = ("torch", "librosa", "diffusers", "numba", "scipy", "matplotlib", "cv2", "numpy", "moviepy", "av", "PIL")


def test_import_loads_no_heavy_library():
    code = f"import sys, s2v_nb; print([m for m in {HEAVY} if m in sys.modules])"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert found.strip() == "[]"


@pytest.mark.parametrize("name", s2v_nb.__all__)
def test_every_public_name_is_there_and_in_the_readme(name):
    assert getattr(s2v_nb, name).__doc__
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match="generate"):
        _ = s2v_nb.render


def pins() -> dict[str, str]:
    lines = (ROOT / "env/constraints.txt").read_text().split()
    return dict(line.split("==") for line in lines if "==" in line)


def test_every_dependency_is_pinned_within_its_range():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    locked = {canonicalize_name(name): version for name, version in pins().items()}
    for requirement in map(Requirement, (r for group in groups for r in group)):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_pins_name_no_place():
    """A lock that names a file or a host would not install elsewhere."""
    text = (ROOT / "env/constraints.txt").read_text()

    assert "+" not in text
    assert "/" not in text


def test_conda_environment_equals_pyproject_with_gpu():
    text = (ROOT / "environment.yml").read_text()
    listed = [line.strip()[2:] for line in text.split("- pip:")[1].splitlines() if line.strip().startswith("- ")]

    expected = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["gpu"]]
    assert listed == ["-c env/constraints.txt", *expected, "-e ."]
    assert f"python{PROJECT['requires-python']}" in text


@pytest.mark.parametrize("target", ["demo", "test", "setup", "check", "bench", "lab"])
def test_readme_and_makefile_agree(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"make {target}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", CONTROLS)
def test_readme_names_every_control(name):
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_the_changelog_knows_this_version():
    assert s2v_nb.__version__ == PROJECT["version"]
    assert f"## {s2v_nb.__version__}" in (ROOT / "CHANGELOG.md").read_text()
