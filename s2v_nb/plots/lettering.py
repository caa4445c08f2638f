"""Text in drawn pictures: which letters this machine has, how long a line is, where it breaks."""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from s2v_nb.errors import language
from s2v_nb.plots.style import plain, text_style

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LONGEST_LABEL = 200  # characters
WIDE = r"\u2e80-\u9fff\uff00-\uffef"  # Chinese characters and the marks between them
CLOSING = "，。、；：！？）》」』”"  # no line begins with these
PIECES = re.compile(rf"[{WIDE}][{CLOSING}]*|[^\s{WIDE}]+[{CLOSING}]*|\s+")  # what lines are not broken in


def drawn_language() -> str:
    """The person's language, if this machine has letters to draw it with, else English."""
    return language() if plain("节拍") == "节拍" else "en"


def wrapped(text: str, size: int, width: float, most: int = LONGEST_LABEL) -> list[str]:
    """Text in at most so many lines of ``width`` pixels, broken between words, and anywhere in Chinese."""
    lines = [""]
    for piece in PIECES.findall(_plain(text)):
        if lines[-1] and length_of((lines[-1] + piece).rstrip(), size) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    lines, left_out = lines[:most], lines[most:]
    if left_out:
        lines[-1] += "…"
    return [_cut(line.rstrip(), size, width) for line in lines]


def _cut(line: str, size: int, width: float) -> str:
    """A line that fits, with an ellipsis where something is missing."""
    while len(line) > 1 and length_of(line, size) > width:
        line = line.rstrip("…")[:-1] + "…"
    return line


def _plain(text: str) -> str:
    """`plain` without its guard against formulas, which exist only in plots."""
    return plain(text, LONGEST_LABEL).replace(r"\$", "$")


def line_height(size: int) -> int:
    return round(1.34 * size)


def length_of(text: str, size: int) -> float:
    return font_for(text, size).getlength(text)


def font_for(text: str, size: int) -> "FreeTypeFont":
    """The first of our fonts that has all characters, else the last, which has the most."""
    faces = _faces()
    return _loaded(*next((face for face, has in faces if has.issuperset(map(ord, text))), faces[-1][0]), size)


@lru_cache(maxsize=1)
def _faces() -> list[tuple[tuple[str, int], frozenset[int]]]:
    """Files of the fonts of plots, with the number of the face in the file and its characters."""
    from matplotlib.font_manager import findfont, get_font

    found = [findfont(name) for name in text_style()["fontfamily"]]
    return [((str(path), getattr(path, "face_index", 0)), frozenset(get_font(path).get_charmap())) for path in found]


@lru_cache(maxsize=8)
def _loaded(path: str, face: int, size: int) -> "FreeTypeFont":
    import PIL.ImageFont

    return PIL.ImageFont.truetype(path, size, face)
