"""The waveform in a real browser: dragged, steered by keys, heard, tapped to."""

import itertools
import json
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from s2v_nb.rhythm.tempo import tempo_of
from tests.browser.lab import (
    WAIT,
    kernel_eval,
    open_notebook,
    run_all,
    save_notebook,
    set_size,
    shut_kernels,
    switch_theme,
    write_notebook,
)

BEAT = 60 / 112
BAR = 4 * BEAT
LEAD = 0.02
PANEL = """
import numpy as np
from s2v_nb.rhythm import Corrections, Excerpt, Moment, Rhythm
from s2v_nb.rhythm.types import Phrase
from s2v_nb.samples import SAMPLE_BARS, sample_audio, sample_beats
from s2v_nb.widgets.audio_upload import AudioUpload
from s2v_nb.workspace import Heard, Workspace

Workspace.listen = lambda self: None  # what is heard stands below
BEATS = sample_beats() if {beats} else np.zeros(0)
DURATION = SAMPLE_BARS * 4 * 60 / 112 + 0.8
grid = np.arange(0, DURATION, 0.05)
onset = np.isclose(grid[:, None], BEATS[None, :], atol=0.026).any(axis=1).astype(float)
phrases = tuple(Phrase(16 * k * 60 / 112, 16 * (k + 1) * 60 / 112, 4, label, 0.0) for k, label in enumerate("ABA"))
rhythm = Rhythm(DURATION, 112.0 if len(BEATS) else None, BEATS, BEATS[::4], grid, onset,
                {{"bass": onset, "mid": onset, "high": onset}}, -14.0, phrases=phrases if len(BEATS) else (),
                moments=(Moment("drop", 4 * 60 / 112, 5.0, 8.0), Moment("break", 24 * 60 / 112, 14.0, 8.0)))
peaks = np.abs(np.sin(np.linspace(0, 60, 4000)))
excerpt = Excerpt(16 * 60 / 112 - 0.02, 8.0, 1.0, {{}})

workspace = Workspace()
panel = AudioUpload(workspace, audio=sample_audio("song.wav"))
workspace.heard = Heard(rhythm, rhythm, Corrections(), (excerpt,) if len(BEATS) else (), np.stack([-peaks, peaks]))
changes = []
workspace.observe(lambda change: changes.append(change["new"].start), "settings")
"""
WHOLE = ".s2v-waveform-whole"
NEAR = ".s2v-waveform-near"
SLIDER = f"{WHOLE} .s2v-waveform-region"
EDGE = ".s2v-waveform-edge"
PLACE = "[panel._wave.start, panel._wave.duration]"


@pytest.fixture(scope="module")
def notebook(lasting, lab) -> None:
    write_notebook(lab.folder, "waveform.ipynb", [PANEL.format(beats=True) + "panel"])
    open_notebook(lasting[0], lab, "waveform.ipynb")


@pytest.fixture
def shown(notebook, same_page):
    """The panel with the sample song, of which what was heard is known; made anew for each test."""
    return run(same_page)


def show(page, lab, beats: bool = True, last: str = "panel"):
    """Another notebook with a kernel of its own, which is the only one then."""
    shut_kernels(lab)
    write_notebook(lab.folder, "other.ipynb", [PANEL.format(beats=beats) + last])
    open_notebook(page, lab, "other.ipynb")
    return run(page)


def run(page):
    set_size(page, 1440, 1100)
    run_all(page)
    expect(page.locator(NEAR).first).to_be_visible()
    return page


def asked(lab, expression: str):
    return json.loads(kernel_eval(lab, f"import json; print(json.dumps({expression}))"))


def soon(lab, expression: str, expected) -> None:
    """Wait until the kernel has it: what the page sends comes on another way than what is asked."""
    end = time.monotonic() + WAIT / 2
    while (found := asked(lab, expression)) != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert found == expected


def near(*numbers: float, within: float = 2e-3):
    return pytest.approx(numbers[0] if len(numbers) == 1 else list(numbers), abs=within)


def middle(page, selector: str, by: float = 0.5) -> tuple[float, float]:
    box = page.locator(selector).first.bounding_box()
    return box["x"] + by * box["width"], box["y"] + box["height"] / 2


def pull(page, selector: str, pixels: float, *, by: float = 0.5, drop: bool = True) -> None:
    """Take an element where the part ``by`` of its width is, and move the mouse in steps as a hand does."""
    x, y = middle(page, selector, by)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + pixels, y, steps=8)
    if drop:
        page.mouse.up()


def seconds_a_pixel(page, row: str = WHOLE) -> float:
    """Of the upper row, or of the lower one, by the excerpt's width there."""
    width = page.locator(f"{row} .s2v-waveform-region").first.bounding_box()["width"]
    return 8.0 / width


def test_the_excerpt_is_dragged_from_bar_to_bar_and_told_once(shown, lab):
    page = shown
    bar = BAR / seconds_a_pixel(page)

    pull(page, SLIDER, -1.2 * bar, drop=False)
    assert asked(lab, "changes") == []  # nobody is told before it is let go
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuetext", "0:06.41 to 0:14.41, 8.00 s")
    page.mouse.up()

    expect(page.locator(".s2v-waveform-span")).to_have_text("0:06.41 to 0:14.41, 8.00 s")
    soon(lab, "changes", [near(3 * BAR - LEAD)])
    soon(lab, PLACE, near(3 * BAR - LEAD, 8.0))


def test_the_lower_row_moves_it_too_and_alt_sets_it_free(shown, lab):
    page = shown
    scale = seconds_a_pixel(page, NEAR)

    page.keyboard.down("Alt")
    pull(page, f"{NEAR} .s2v-waveform-region", 0.5 / scale)
    page.keyboard.up("Alt")
    soon(lab, PLACE, near(4 * BAR - LEAD + 0.5, 8.0, within=scale))

    pull(page, f"{NEAR} .s2v-waveform-region", 0.1 / scale)  # without Alt the nearest bar
    soon(lab, PLACE, near(4 * BAR - LEAD, 8.0))


def test_the_edge_changes_the_length_within_its_bounds(shown, lab):
    page = shown
    bar = BAR / seconds_a_pixel(page, NEAR)

    pull(page, EDGE, 0.4 * bar)
    soon(lab, PLACE, near(4 * BAR - LEAD, 4 * BAR))

    pull(page, EDGE, -900)
    soon(lab, PLACE, near(4 * BAR - LEAD, 2 * BAR))  # one bar is under three seconds
    soon(lab, "[workspace.settings.start, workspace.settings.duration]", near(4 * BAR - LEAD, 2 * BAR))


def test_a_press_on_the_song_brings_the_excerpt_there(shown, lab):
    page = shown
    x, y = middle(page, WHOLE, 0.1)

    page.mouse.click(x, y)

    soon(lab, PLACE, [0.0, 8.0])


def test_keys_move_by_bar_beat_and_hundredth(shown, lab):
    page = shown
    slider = page.locator(SLIDER)
    slider.focus()
    first = 4 * BAR - LEAD
    expected = {
        "ArrowLeft": first - BAR,
        "ArrowRight": first,
        "Shift+ArrowRight": first + BEAT,
        "Shift+ArrowLeft": first,
        "Alt+ArrowRight": first + 0.01,
        "ArrowUp": first + BAR,
        "Home": 0.0,
        "Shift+ArrowUp": BEAT - LEAD,
        "End": 8 * BAR - LEAD,
    }
    for key, start in expected.items():
        page.keyboard.press(key)
        soon(lab, PLACE, near(start, 8.0))
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuenow", f"{8 * BAR - LEAD:.2f}")

    page.locator(EDGE).focus()
    for key, length in {"ArrowLeft": 3 * BAR, "Shift+ArrowRight": 13 * BEAT, "Alt+ArrowLeft": 13 * BEAT - 0.01}.items():
        page.keyboard.press(key)
        soon(lab, "panel._wave.duration", near(length, within=3e-3))


@pytest.mark.slow  # it waits for the sound; test_the_space_key_plays_and_the_click_can_be_heard plays, too
def test_the_excerpt_plays_in_a_loop_and_stops(shown, lab):
    page = shown
    kernel_eval(lab, "workspace.change(start=2.0, duration=3.0)")
    play = page.locator(".s2v-waveform-play")
    page.evaluate("""() => {
        window.heads = []; window.lamps = new Set();
        const look = () => {
            const head = document.querySelector('.s2v-waveform-whole .s2v-waveform-head');
            if (!head) return;  // the next test's panel is on its way
            if (head.style.display === 'block') heads.push([performance.now() / 1000, parseFloat(head.style.left)]);
            lamps.add(document.querySelector('.s2v-waveform-lamp').textContent);
            requestAnimationFrame(look);
        };
        look();
    }""")

    play.click()
    expect(play).to_have_text("Stop")
    page.wait_for_function("() => heads.length && heads.at(-1)[0] - heads[0][0] > 4")
    soon(lab, "panel._wave.playing", True)
    play.press(" ")
    expect(play).to_have_text("Play")
    soon(lab, "panel._wave.playing", False)

    heads = page.evaluate("heads")
    seconds = [part / 100 * asked(lab, "DURATION") for _, part in heads]
    assert min(seconds) >= 2.0 - 0.01
    assert max(seconds) <= 5.01
    assert any(b < a - 2 for a, b in itertools.pairwise(seconds))  # it has begun anew
    assert {"1", "2", "3", "4"} <= set(page.evaluate("[...lamps]"))
    expect(page.locator(f"{WHOLE} .s2v-waveform-head")).to_be_hidden()


def test_the_space_key_plays_and_the_click_can_be_heard(shown, lab):
    page = shown
    kernel_eval(
        lab,
        "asked_for = []; real = panel._wave._sound\n"
        "panel._wave._sound = lambda *given: asked_for.append(given) or real(*given)",
    )
    page.locator(SLIDER).focus()

    page.keyboard.press(" ")
    expect(page.locator(".s2v-waveform")).to_have_attribute("data-playing", "true")
    page.locator(f"{WHOLE} .s2v-waveform-head").wait_for()
    page.locator(".s2v-waveform-click").click()
    expect(page.locator(".s2v-waveform-click")).to_have_attribute("aria-pressed", "true")
    page.locator(SLIDER).focus()
    page.keyboard.press("ArrowLeft")  # what plays follows the excerpt

    four, three = 4 * BAR - LEAD, 3 * BAR - LEAD
    soon(lab, "asked_for", [near(four, 8, False), near(four, 8, True), near(three, 8, True)])
    kernel_eval(lab, "panel._wave.playing = False")
    expect(page.locator(".s2v-waveform")).to_have_attribute("data-playing", "false")


def test_taps_on_the_key_give_the_beat(shown, lab):
    page = shown
    page.locator(SLIDER).focus()
    page.keyboard.press(" ")
    page.locator(f"{WHOLE} .s2v-waveform-head").wait_for()

    page.evaluate("""(step) => new Promise((done) => {
        let count = 0;
        const slider = document.querySelector('[role=slider].s2v-waveform-region');
        const timer = setInterval(() => {
            slider.dispatchEvent(new KeyboardEvent('keydown', { key: 't', bubbles: true }));
            if (++count === 6) { clearInterval(timer); done(); }
        }, step);
    })""", 1000 * 2 * BEAT)  # fmt: skip
    expect(page.locator(".s2v-waveform-status")).to_have_text("6 taps")
    page.locator(".s2v-waveform-play").click()
    expect(page.locator(".s2v-waveform-status")).to_have_text("")

    soon(lab, "len(workspace.heard.corrections.steps)", 1)
    [[do, times]] = asked(lab, "workspace.heard.corrections.to_list()")
    assert (do, len(times)) == ("tap", 6)
    start = 4 * BAR - LEAD
    assert all(start <= time <= start + 8 for time in times)
    tempo = tempo_of(np.array(times))  # 56, but on a busy machine the page's timer comes late
    assert tempo == pytest.approx(56, rel=0.2)
    assert asked(lab, "workspace.heard.rhythm.tempo") == pytest.approx(tempo, rel=0.1)


def test_too_few_taps_are_named_and_not_taken(shown, lab):
    page = shown
    tap = page.locator(".s2v-waveform-tap")
    tap.click()  # the first one begins to play
    page.locator(f"{WHOLE} .s2v-waveform-head").wait_for()
    tap.click()
    page.locator(".s2v-waveform-play").click()

    expect(page.locator(".s2v-waveform-status")).to_have_text("1 taps are too few; tap at least 4 times")
    assert asked(lab, "len(workspace.heard.corrections.steps)") == 0


def test_it_is_drawn_sharply_in_every_theme_and_width(shown, lab):
    page = shown
    before = page.evaluate(f"document.querySelector('{WHOLE}').clientWidth")
    session = page.context.new_cdp_session(page)
    sharp = """() => [...document.querySelectorAll('.s2v-waveform-canvas')].every(
        (canvas) => canvas.clientWidth && canvas.width === Math.round(2 * canvas.clientWidth))"""
    screen = {"width": 1440, "height": 1100, "mobile": False, "deviceScaleFactor": 2}
    session.send("Emulation.setDeviceMetricsOverride", screen)
    page.wait_for_function(sharp)
    session.send("Emulation.setDeviceMetricsOverride", {**screen, "width": 900})
    page.wait_for_function(f"document.querySelector('{WHOLE}').clientWidth < {before}")
    page.wait_for_function(sharp)

    # in the phrases' strip stands the section's colour, in the lower one text that can be read in the theme
    ink = """(dark) => {
        const canvas = document.querySelector('.s2v-waveform-whole canvas');
        const pen = canvas.getContext('2d');
        const strip = [...pen.getImageData(20, 4, 1, 1).data.slice(0, 3)];
        const text = pen.getImageData(0, canvas.height - 22, canvas.width, 20).data;
        const found = [];
        for (let k = 0; k < text.length; k += 4) if (text[k + 3] > 180) found.push(text[k]);
        return strip.join() === '86,180,233' && found.length > 20 && found.every((r) => (dark ? r > 128 : r < 128));
    }"""
    page.wait_for_function(ink, arg=False)
    for dark in (True, False):
        switch_theme(page, dark=dark)
        page.wait_for_function(ink, arg=dark)


# --- last: they end the kernel of the others


def test_without_beats_nothing_snaps_and_the_page_says_so(same_page, lab):
    page = show(same_page, lab, beats=False)
    expect(page.locator(".s2v-waveform-legend")).to_contain_text("no bars to keep to")
    scale = seconds_a_pixel(page)

    pull(page, SLIDER, 3.3 / scale)

    soon(lab, PLACE, near(3.3, 8.0, within=2 * scale))
    page.locator(EDGE).focus()
    page.keyboard.press("ArrowLeft")
    soon(lab, "panel._wave.duration", 7.5)


def test_two_views_and_a_reload_show_the_same(same_page, lab):
    page = show(
        same_page, lab, last="from IPython.display import display\ndisplay(panel)\ndisplay(AudioUpload(workspace))"
    )
    expect(page.locator(NEAR)).to_have_count(2)

    page.locator(SLIDER).first.focus()
    page.keyboard.press("ArrowRight")
    text = "0:10.69 to 0:18.69, 8.00 s"
    for k in range(2):
        expect(page.locator(".s2v-waveform-span").nth(k)).to_have_text(text)
    page.locator(".s2v-waveform-play").first.click()
    expect(page.locator(".s2v-waveform-play").first).to_have_text("Stop")
    page.locator(".s2v-waveform-play").nth(1).click()  # one sound at a time
    expect(page.locator(".s2v-waveform-play").first).to_have_text("Play")
    expect(page.locator(".s2v-waveform-play").nth(1)).to_have_text("Stop")

    save_notebook(page)
    open_notebook(page, lab, "other.ipynb")
    for k in range(2):
        expect(page.locator(".s2v-waveform-span").nth(k)).to_have_text(text)
