"""The version of the ear, which is part of the name of what was heard."""

RHYTHM_VERSION = "4"  # counts changes that move a beat
