"""What the eye sees in a finished clip, and how it meets the beats of the music, against chance."""

from s2v_nb.alignment.report import AlignmentReport, EventScores, measure_alignment

__all__ = ["AlignmentReport", "EventScores", "measure_alignment"]
