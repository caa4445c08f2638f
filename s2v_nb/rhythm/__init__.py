"""What the ear hears in a song: tempo, beats, downbeats, onset strength, band energies, loudness.

All times are seconds from the start of the audio that was analysed.
"""

from s2v_nb.rhythm.analysis import analyze
from s2v_nb.rhythm.types import Rhythm

RHYTHM_VERSION = "1"  # counts changes that move a beat

__all__ = ["RHYTHM_VERSION", "Rhythm", "analyze"]
