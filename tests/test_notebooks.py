"""Every notebook runs from top to bottom, is short, and is kept without outputs."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LONGEST_CELL = 5


def test_there_are_notebooks():
    assert NOTEBOOKS[0].name == "01_first_video.ipynb"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_cells_are_short_introduced_and_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)

    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    for before, cell in zip([None, *notebook.cells], notebook.cells, strict=False):
        if cell.cell_type == "code":
            assert before is not None
            assert before.cell_type == "markdown"
            assert len(cell.source.splitlines()) <= LONGEST_CELL
            assert cell.outputs == []
            assert cell.execution_count is None


def shape(source: str) -> str:
    """Code without its texts, and without the choice of a language."""
    tree = ast.parse(source.replace('language="zh"', ""))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def test_the_chinese_notebook_does_what_the_english_one_does():
    """So that one of them has to be run."""
    both = [nbformat.read(FOLDER / f"01_first_video{end}.ipynb", as_version=4) for end in ("", ".zh")]
    english, chinese = ([shape(c.source) for c in notebook.cells if c.cell_type == "code"] for notebook in both)

    assert english == chinese


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if ".zh" not in path.name], ids=lambda p: p.stem)
def test_it_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND")  # as in a notebook: plots inline
    notebook = nbformat.read(path, as_version=4)

    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()

    shown = [list(output.get("data", {})) for cell in notebook.cells for output in cell.get("outputs", [])]
    if path.name.startswith("01_first_video"):
        pictures = [kinds for kinds in shown if "image/png" in kinds]
        assert len(pictures) == 3  # the cover and the two plots
        assert any(
            "<video" in o.get("data", {}).get("text/html", "") for c in notebook.cells for o in c.get("outputs", [])
        )
        assert list(tmp_path.glob("runs/*/clip.mp4"))
