"""Panels: views over a `Workspace`, each usable by itself, together the studio."""

from importlib import import_module

_HOME = {
    "AudioUpload": "audio_upload",
    "ClipPanel": "clip_panel",
    "GeneratePanel": "generate_panel",
    "HistoryPanel": "history_panel",
    "ImageUpload": "image_upload",
    "MessageBar": "message_bar",
    "ProgressPanel": "progress_panel",
    "PromptPanel": "prompt_panel",
    "SessionStrip": "session_strip",
    "SettingsPanel": "settings_panel",
    "Studio": "studio",
    "SweepPanel": "sweep_panel",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 's2v_nb.widgets' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(import_module(f"s2v_nb.widgets.{_HOME[name]}"), name)
    return value
