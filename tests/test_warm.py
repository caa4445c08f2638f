"""What is filled before the first analysis."""

from s2v_nb import warm
from s2v_nb.rhythm import analysis


def test_it_hears_though_another_environment_has_heard_before(monkeypatch):
    """Else nothing would be compiled in this one."""
    heard: list[str] = []
    listen = analysis._listen
    monkeypatch.setattr(analysis, "_listen", lambda audio, tracker: heard.append(tracker) or listen(audio, tracker))

    warm.main()
    warm.main()

    assert heard.count("librosa") >= 2
    assert len(heard) == 4
