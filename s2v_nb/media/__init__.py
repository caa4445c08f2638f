"""Files in and out: pictures, songs and clips."""

from s2v_nb.media.audio import Audio, load_audio
from s2v_nb.media.image import Image, load_image
from s2v_nb.media.video import VideoInfo, probe_video, read_frames, write_video

__all__ = ["Audio", "Image", "VideoInfo", "load_audio", "load_image", "probe_video", "read_frames", "write_video"]
