"""What the ear hears in a song: tempo, beats, bars, phrases, key moments, the best excerpt.

All times are seconds from the start of the audio that was analysed.
"""

from s2v_nb.rhythm.analysis import analyze, ear
from s2v_nb.rhythm.clicks import click_track
from s2v_nb.rhythm.corrections import Corrections
from s2v_nb.rhythm.excerpts import DurationHint, Excerpt, best_excerpts, suggest_durations
from s2v_nb.rhythm.types import Moment, Phrase, Rhythm
from s2v_nb.rhythm.version import RHYTHM_VERSION

__all__ = [
    "RHYTHM_VERSION",
    "Corrections",
    "DurationHint",
    "Excerpt",
    "Moment",
    "Phrase",
    "Rhythm",
    "analyze",
    "best_excerpts",
    "click_track",
    "ear",
    "suggest_durations",
]
