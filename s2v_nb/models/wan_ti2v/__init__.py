"""Wan2.2-TI2V-5B on diffusers' `WanImageToVideoPipeline`: a picture comes to life, in memory that small cards have."""
