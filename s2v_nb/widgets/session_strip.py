"""`SessionStrip`: the rented machine at a glance, what it has cost, and how not to pay for an idle one."""

import html
import sys
import threading
import time
from collections.abc import Callable

import ipywidgets as widgets

from s2v_nb.errors import LANGUAGES, InputError
from s2v_nb.idle import IdleGuard
from s2v_nb.jobs.archive import save_everything
from s2v_nb.platforms import detect
from s2v_nb.session import PriceMeter, clean_cache, disk, gpu_usage, memory_limit, memory_used, models_on_disk
from s2v_nb.widgets.media import Media
from s2v_nb.widgets.panel import Panel
from s2v_nb.workspace import Message

LOOK_SECONDS = 5.0
MODELS_SECONDS = 60.0
TICK_SECONDS = 1.0
MOST_DOWNLOAD = 300e6  # bytes; a larger zip is downloaded from JupyterLab's file list
_AUTO = {"width": "auto"}
_WRAP = {"flex_flow": "row wrap", "align_items": "center"}


class _Kernel:
    """What all pages of a kernel share: the guard, when somebody last did something, whether a cell runs."""

    guard = IdleGuard()
    touched = 0.0
    cell_runs = False
    watched = False


_kernel = _Kernel()


def _watch_cells() -> None:
    """Know from now on whether a cell runs; that is work, too."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and not _kernel.watched:
        _kernel.watched = True
        shell.events.register("pre_run_cell", lambda *_: setattr(_kernel, "cell_runs", True))
        shell.events.register("post_run_cell", lambda *_: setattr(_kernel, "cell_runs", False))


def cell_runs() -> bool:
    """Whether a cell of the notebook runs now."""
    return _kernel.cell_runs


class SessionStrip(Panel):
    """GPU, memory, disk, models and spend; cache cleaning, saving, and an idle stop that is off by default."""

    def build(self) -> list[widgets.Widget]:
        self._platform = detect()
        self._ticked = self._looked = self._models_looked = -1e9
        self._models = 0
        self._threads: dict[str, threading.Thread] = {}
        _watch_cells()
        self.numbers = widgets.HTML()
        self.tongue = widgets.ToggleButtons(
            options=[("English", "en"), ("中文", "zh")], style={"button_width": "auto"}, layout=_AUTO
        )
        self.tongue.observe(lambda change: self._speak(change["new"]), "value")
        self.words(self.tongue, "studio.language", "tooltip")
        self.warning = widgets.HTML()
        self.stay = self.words(widgets.Button(button_style="warning", layout={"width": "auto"}), "session.idle_cancel")
        self.stay.on_click(lambda _: self.attempt(self._stay))
        self.countdown = widgets.HTML()
        self._alarm = widgets.HBox([self.warning, self.countdown, self.stay], layout={**_WRAP, "display": "none"})
        self.workspace.each_poll.append(self._poll)
        head = widgets.HBox([self.numbers, self.tongue], layout={**_WRAP, "justify_content": "space-between"})
        return [head, self._alarm, self._drawer()]

    def retire(self) -> None:
        super().retire()
        self.workspace.each_poll.remove(self._poll)

    def relabel(self) -> None:
        super().relabel()
        self.tongue.value = self.workspace.language
        index = LANGUAGES.index(self.workspace.language)
        self._looked = -1e9  # the numbers follow, read in a thread: nvidia-smi may take seconds
        bill = self._platform.bill[index]
        self._help.value = f'<div class="s2v-help">{html.escape(self.say("session.idle_help", bill=bill))}</div>'
        if self._download:
            self._download.speak(self.say)
        self._more.set_title(0, self.say("session.more"))
        self._show_guard()

    # --- its parts

    def _drawer(self) -> widgets.Widget:
        """What is needed now and then, folded away."""
        clean = self._button("session.clean", "trash", self._clean)
        self._save = self._button("session.save", "archive", self._save_everything)
        self._price = self.words(
            widgets.BoundedFloatText(
                min=0, max=1000, step=0.1, layout={"width": "15em"}, style={"description_width": "initial"}
            ),
            "session.price",
        )
        self._price.observe(lambda change: self.attempt(lambda: self._set_price(change["new"])), "value")
        self.watch("price_per_hour", lambda price: setattr(self._price, "value", price))
        self.idle = self.words(widgets.Checkbox(indent=False, layout=_AUTO), "session.idle_on")
        style = {"description_width": "initial"}
        self.minutes = self.words(
            widgets.BoundedIntText(30, min=1, max=1440, layout={"width": "10em"}, style=style), "session.idle_minutes"
        )
        self.command = self.words(
            widgets.Text(self._platform.stop_command, continuous_update=False, layout={"width": "24em"}, style=style),
            "session.idle_command",
        )
        for control in (self.idle, self.minutes, self.command):
            control.observe(lambda _: self.attempt(self._set_guard), "value")
        self._help = widgets.HTML()
        self._download = None if self.plain else Media(self.workspace.report, downloadable=False, sound=False)
        rows = [
            widgets.HBox([clean, self._save, self._price], layout=_WRAP),
            widgets.HBox([self.idle, self.minutes, self.command], layout=_WRAP),
            self._help,
            *([self._download] if self._download else []),
        ]
        self._more = widgets.Accordion([widgets.VBox(rows)], selected_index=None)
        return self._more

    def _button(self, key: str, icon: str, action: Callable[[], None]) -> widgets.Button:
        button = self.words(widgets.Button(icon=icon, layout=_AUTO), key)
        self.words(button, f"{key}_tip", "tooltip").on_click(lambda _: self.attempt(action))
        return button

    # --- what a person does

    def _speak(self, lang: str) -> None:
        self.workspace.language = lang

    def _set_price(self, price: float) -> None:
        PriceMeter(price)  # refuses what is no price
        self.workspace.price_per_hour = price
        self._looked = -1e9

    def _clean(self) -> None:
        freed = clean_cache()
        self.workspace.message = Message("session.cleaned", {"megabytes": freed / 1e6}, kind="note")

    def _save_everything(self) -> None:
        """Pack in a thread: the kernel stays free."""
        self._save.disabled = True
        self._save.description = self.say("session.saving")
        threading.Thread(target=self._pack, daemon=True).start()

    def _pack(self) -> None:
        try:
            path, count = save_everything(self.workspace.runs, self.workspace.folder / "exports")
            size = path.stat().st_size
            small = self._download is not None and size <= MOST_DOWNLOAD
            name = path.relative_to(self.workspace.folder).as_posix()
            found = {"count": count, "name": name, "megabytes": size / 1e6}
            self.workspace.message = Message("session.saved" if small else "session.saved_large", found, kind="note")
            if small and self._download is not None:
                self._download.download(path, path.name)
        except Exception as error:
            self.workspace.report(error)
        finally:
            self._save.disabled = False
            self._save.description = self.say("session.save")

    @property
    def guard(self) -> IdleGuard:
        """One for the whole kernel: any page may switch it on, and work or a hand on any page counts."""
        return _kernel.guard

    def _set_guard(self) -> None:
        if self.idle.value and not self.command.value.strip():
            self.idle.value = False
            raise InputError("idle.empty")
        _kernel.guard = IdleGuard(self.minutes.value, self.command.value) if self.idle.value else IdleGuard()
        self._show_guard()

    def _stay(self) -> None:
        self.guard.cancel()
        self._show_guard()

    # --- what goes on by itself

    def _poll(self) -> None:
        now = time.monotonic()
        if now - self._ticked >= TICK_SECONDS:
            self._ticked = now
            self._aside("tick", self._tick)  # the command that stops the machine may take a minute
        if now - self._looked >= LOOK_SECONDS and self._aside("look", self.look):
            self._looked = now

    def _aside(self, name: str, action: Callable[[], None]) -> bool:
        """Do it in a thread of its own, unless the last one is still at it; whether it was begun."""
        last = self._threads.get(name)
        if last is not None and last.is_alive():
            return False

        def work() -> None:
            try:
                action()
            except Exception as error:
                self.workspace.report(error)

        self._threads[name] = threading.Thread(target=work, daemon=True, name=f"s2v_nb-{name}")
        self._threads[name].start()
        return True

    def _tick(self) -> None:
        if self.workspace.beaten > _kernel.touched:
            _kernel.touched = self.workspace.beaten
            self.guard.touch()
        self.guard.tick(busy=_kernel.cell_runs or self.workspace.busy)
        self._show_guard()

    def _show_guard(self) -> None:
        guard = self.guard
        left = self.say("studio.seconds", seconds=guard.remaining or 0.0)
        text = ""
        waiting = ""
        if guard.state == "watching":
            minutes = (guard.remaining or 0.0) / 60
            waiting = self.say("session.idle_watching", left=self.say("studio.minutes", minutes=minutes))
        if guard.state == "warning":
            text = self.say("session.idle_warning", command=guard.command)
            waiting = left
        elif guard.state == "fired":
            text = self.say("session.idle_fired", command=guard.command)
        elif guard.state == "failed" and guard.failure:
            text = guard.failure.sentence(self.workspace.language)
        alarm = f'<div role="alert" class="s2v-message s2v-error">{html.escape(text)}</div>' if text else ""
        self.warning.value = alarm  # said once; the seconds, which change, stand outside of it
        self.countdown.value = f'<div class="s2v-help">{html.escape(waiting)}</div>' if waiting else ""
        self.stay.layout.display = "" if guard.state == "warning" else "none"
        self._alarm.layout.display = "" if text or waiting else "none"

    def look(self) -> None:
        """Read the machine's numbers and show them."""
        parts = [(self.say("session.gpu"), self._gpu_words())]
        used = memory_used()  # 0 where the system does not say
        spent = f"{used / 1e9:.1f} / " if used else ""
        parts.append((self.say("session.memory"), f"{spent}{memory_limit() / 1e9:.0f} GB"))
        space = disk(self.workspace.folder)
        parts.append((self.say("session.disk"), f"{space.free / 1e9:.0f} / {space.total / 1e9:.0f} GB"))
        parts.append((self.say("session.models"), _size(self._models_size())))
        if price := self.workspace.price_per_hour:
            parts.append((self.say("session.spend"), f"{PriceMeter(price).spent():.2f}"))
        spans = (f"<span><b>{html.escape(name)}</b> {html.escape(value)}</span>" for name, value in parts)
        self.numbers.value = f'<div class="s2v-numbers">{"".join(spans)}</div>'

    def _gpu_words(self) -> str:
        found = gpu_usage()
        if not found:
            return self.say("session.no_gpu")
        words = []
        for gpu in found:
            used = "?" if gpu.memory_used is None else f"{gpu.memory_used / 1e9:.0f}"
            total = "?" if gpu.memory_total is None else f"{gpu.memory_total / 1e9:.0f}"
            words.append(f"{gpu.name} {used} / {total} GB")
        return ", ".join(words)

    def _models_size(self) -> int:
        now = time.monotonic()
        if now - self._models_looked >= MODELS_SECONDS:
            self._models_looked = now
            self._models = sum(size for _, size in models_on_disk())
        return self._models


def _size(count: int) -> str:
    """'9 MB' or '32.6 GB' of so many bytes."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
