"""Rhythm over the frames of a video model: beat-locked retiming, then the camera and light layer of the preview.

`visual` finds when the raw frames hit, `timemap` moves that onto the music's beats, `resample` makes frames at those
moments, `layer` adds camera and light, and `part` does all of it for one part of a clip.
"""

from s2v_nb.engines.overlay.layer import RhythmLayer
from s2v_nb.engines.overlay.part import finished_frames
from s2v_nb.engines.overlay.resample import resample
from s2v_nb.engines.overlay.timemap import TimeMap, time_map
from s2v_nb.engines.overlay.visual import visual_beats

__all__ = ["RhythmLayer", "TimeMap", "finished_frames", "resample", "time_map", "visual_beats"]
