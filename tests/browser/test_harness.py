"""The harness itself: widgets appear, themes and the kernel are what they seem, nothing leaves this machine."""

import pytest
from playwright.sync_api import expect

from tests.browser.lab import (
    brightness,
    cell,
    cell_errors,
    kernel_eval,
    kernel_memory,
    open_notebook,
    open_voila,
    restart_kernel,
    run_all,
    run_cell,
    save_notebook,
    set_theme,
    start_cell,
    switch_theme,
    write_notebook,
)

TINY = '''
import anywidget, ipywidgets, traitlets

class Tiny(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button");
      button.className = "tiny";
      const show = () => { button.textContent = "pressed " + model.get("count"); };
      button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
      model.on("change:count", show);
      show();
      el.append(button);
    }
    export default { render };
    """
    count = traitlets.Int(0).tag(sync=True)

tiny, slider = Tiny(), ipywidgets.IntSlider(description="Motion")
ipywidgets.VBox([slider, tiny])
'''


def test_widgets_appear_and_answer_in_jupyterlab(page, lab):
    write_notebook(lab.folder, "tiny.ipynb", ["# %% md\n# Title", TINY])
    open_notebook(page, lab, "tiny.ipynb")

    run_all(page)
    expect(cell(page, 1).get_by_role("slider")).to_be_visible()
    page.locator(".tiny").click()

    expect(page.locator(".tiny")).to_have_text("pressed 1")
    assert kernel_eval(lab, "print(tiny.count)") == "1"
    kernel_eval(lab, "slider.value = 42")
    expect(page.locator(".widget-readout")).to_have_text("42")


def test_widgets_appear_and_answer_in_voila(page, voila):
    write_notebook(voila.folder, "tiny.ipynb", [TINY, "print('voil' + chr(224))"])
    open_voila(page, voila, "tiny.ipynb")

    expect(page.get_by_role("slider")).to_be_visible()
    page.locator(".tiny").click()

    expect(page.locator(".tiny")).to_have_text("pressed 1")
    expect(page.get_by_text("voilà")).to_be_visible()
    assert kernel_memory(voila) > 10_000_000


@pytest.mark.parametrize("server", ["lab", "voila"])
def test_without_the_token_nobody_is_let_in(page, server, request):
    address = request.getfixturevalue(server).url
    page.goto(address)

    expect(page.locator("#password_input")).to_be_visible()
    assert "/login" in page.url


def test_themes_are_what_they_say(page, lab):
    write_notebook(lab.folder, "theme.ipynb", ["1"])
    set_theme(page, lab, dark=True)
    try:
        open_notebook(page, lab, "theme.ipynb")
        assert brightness(page, ".jp-Notebook") < 0.2
        switch_theme(page, dark=False)
        assert brightness(page, ".jp-Notebook") > 0.9
    finally:
        set_theme(page, lab, dark=False)


def test_the_kernel_answers_beside_the_page(page, lab):
    cells = ["big = bytearray(10)", "import time; time.sleep(5); print('woken')", "1 / 0"]
    write_notebook(lab.folder, "kernel.ipynb", cells)
    open_notebook(page, lab, "kernel.ipynb")

    run_cell(page, 0)
    before = kernel_memory(lab)
    assert kernel_eval(lab, "big = b'x' * 100_000_000\nprint(len(big))\nprint('end')") == "100000000\nend"
    assert kernel_memory(lab) - before > 90_000_000
    with pytest.raises(AssertionError, match="NameError"):
        kernel_eval(lab, "no_such_name")
    with pytest.raises(TimeoutError):
        kernel_eval(lab, "import time; time.sleep(2)", timeout=0.5)

    start_cell(page, 1)
    expect(cell(page, 1).locator(".jp-InputArea-prompt")).to_have_text("[*]:")
    kernel_memory(lab)
    woken = cell(page, 1).get_by_text("woken", exact=True)
    assert woken.count() == 0  # not held up by the cell
    expect(woken).to_be_visible()

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_cell(page, 2)
    assert len(cell_errors(page)) == 1

    restart_kernel(page)
    assert kernel_eval(lab, "print('big' in globals())") == "False"
    save_notebook(page)
    assert "ZeroDivisionError" in (lab.folder / "kernel.ipynb").read_text()


def test_sound_may_not_start_by_itself(page, lab):
    """The browser keeps a musician's rules for autoplay; the page starts alone, without any gesture of ours."""
    (lab.folder / "autoplay.html").write_text("""<!doctype html><p id=told></p><script>
        new AudioContext().state === "suspended" ? told.textContent = "held back" : told.textContent = "started";
        </script>""")
    page.goto(lab.address("files/autoplay.html"))

    expect(page.locator("#told")).to_have_text("held back")


def test_what_a_page_does_is_seen(page, lab, watch):
    (lab.folder / "bad.html").write_text("""<!doctype html><p>bad</p><script>
        fetch("http://192.0.2.1/one").catch(() => 0);
        fetch("http://example.org/two").catch(() => 0);
        console.warn("careful");
        setTimeout(() => { throw new Error("nobody catches this"); });
        </script>""")
    with page.expect_event("pageerror"):
        page.goto(lab.address("files/bad.html"))

    assert "nobody catches this" in watch.errors[0]
    assert watch.outside == ["http://192.0.2.1/one", "http://example.org/two"]
    assert "warning: careful" in watch.console
    watch.forget()


def test_of_uncaught_errors_only_that_of_the_splash_screen_is_excused(watch):
    core = "http://127.0.0.1:1/static/lab/jlab_core.8811dd.js?v=8811dd:13173:720"
    words = "NotFoundError: Failed to execute 'removeChild' on 'Node': The node is not a child of this node."
    first = f"{words}\n{words}\n    at {core}"
    ours = [f"{first}\n    at blob:http://127.0.0.1:1/5f:3:9", f"{words}\n    at blob:http://127.0.0.1:1/5f:3:9",
            f"TypeError: x is undefined\n    at {core}"]  # fmt: skip
    for error in [first, *ours]:
        watch.uncaught(error)

    assert watch.errors == ours
    watch.forget()
