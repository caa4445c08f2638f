"""One object, many views."""

import io
import json

import pytest

from s2v_nb.errors import Cancelled
from s2v_nb.progress import FileView, Progress, State, TerminalView


def test_views_are_told_of_every_step():
    seen: list[State] = []
    progress = Progress(seen.append)
    progress.update("audio", 0, 2)
    progress.update("frames", 0, 10)
    progress.update("frames", 5, 10)

    assert [(s.stage, s.done, s.total) for s in seen] == [("audio", 0, 2), ("frames", 0, 10), ("frames", 5, 10)]
    assert seen[0].remaining is None
    assert seen[2].remaining >= 0


def test_what_an_earlier_attempt_did_says_nothing_of_the_pace():
    begun, later = State("frames", 60, 100, 0.0, first=60), State("frames", 70, 100, 5.0, first=60)

    assert begun.remaining is None
    assert later.remaining == 15.0


def test_cancel_stops_at_the_next_step():
    progress = Progress()
    progress.cancel()

    with pytest.raises(Cancelled):
        progress.update("frames", 1, 10)


def test_an_unknown_stage_is_a_mistake():
    with pytest.raises(ValueError, match="stage='video'"):
        Progress().update("video", 0, 1)


def test_a_pipe_gets_one_plain_line_a_stage():
    stream = io.StringIO()
    progress = Progress(TerminalView(stream))
    for done in range(4):
        progress.update("frames", done, 3)
    progress.update("encoding", 1, 1)

    assert stream.getvalue() == "Frames: 3/3\nEncoding: 1/1\n"


def test_a_terminal_gets_a_bar():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    view = TerminalView(stream)
    progress = Progress(view)
    for done in range(4):
        progress.update("frames", done, 3)
    view.close()

    assert "100%" in stream.getvalue()


def test_the_file_holds_the_last_state(tmp_path):
    progress = Progress(FileView(tmp_path / "progress.json"))
    for done in range(5):
        progress.update("frames", done, 4)

    found = json.loads((tmp_path / "progress.json").read_text())
    assert (found["stage"], found["done"], found["total"]) == ("frames", 4, 4)
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]
