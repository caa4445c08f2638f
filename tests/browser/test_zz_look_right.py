"""Screenshots of the right column."""
import os, sys, shutil, json
sys.path.insert(0, "/work/main"); sys.path.insert(0,"/tmp/patchplug")
os.environ.setdefault("S2V_NB_ARTEFACTS", "/tmp/right")
import pytest
from pathlib import Path
from tests.browser.lab import *
from tests.browser.conftest import *

CELL = """
import sys; sys.path.insert(0, "/tmp/patchplug"); import s2vpatch
from s2v_nb.workspace import Workspace
from s2v_nb.widgets.clip_panel import ClipPanel
from s2v_nb.widgets.history_panel import HistoryPanel
from s2v_nb.widgets.progress_panel import ProgressPanel
w = Workspace(language="en")
w.shown = w.history[0]
clip, history, progress = ClipPanel(w), HistoryPanel(w), ProgressPanel(w)
display(progress, clip, history)
"""
def runs(folder):
    if not (folder/"runs").exists():
        shutil.copytree("/tmp/rightruns", folder/"runs")

def test_look(page, lab):
    runs(lab.folder)
    write_notebook(lab.folder, "a.ipynb", [CELL])
    open_notebook(page, lab, "a.ipynb")
    run_all(page)
    command(page, "application:toggle-left-area") if page.locator(".jp-FileBrowser").is_visible() else None
    v = page.locator("video").first
    v.wait_for()
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.5")
    print(v.evaluate("v => [v.dataset.width, v.dataset.height, v.muted, v.paused]"))
    shot(page, "light")
    page.get_by_role("button", name="Compare with last").click()
    page.wait_for_timeout(2500)
    print(page.evaluate("() => [...document.querySelectorAll('video')].map(v => [v.currentTime, v.paused])"))
    set_size(page, 1440, 1800)
    page.wait_for_timeout(1500)
    shot(page, "compare")
    switch_theme(page, True)
    page.wait_for_timeout(500)
    shot(page, "dark")
    for i, name in enumerate(["Beats", "Alignment", "Settings"]):
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(1500)
        shot(page, "tab-" + name)
    page.get_by_role("tab", name="Clip").click()
    kernel_eval(lab, "w.language='zh'")
    page.wait_for_timeout(500)
    shot(page, "zh")
    set_size(page, 420, 1800)
    page.wait_for_timeout(1500)
    shot(page, "narrow")
    command(page, "notebook:toggle-all-cell-line-numbers") if 0 else None
    switch_theme(page, False)
