"""Engines on video models: the model moves the picture, the shared rhythm layer makes it keep time with the song."""
