"""`ImageUpload`: choose a picture, see what of it the clip will show, and put the point on its subject."""

import html
from pathlib import Path
from threading import Thread
from typing import Any

import ipywidgets as widgets

from s2v_nb.media import Image, load_image
from s2v_nb.media.advice import advise, subject_of, window_of
from s2v_nb.media.files import PICTURES
from s2v_nb.samples import sample_image
from s2v_nb.widgets.panel import Panel
from s2v_nb.widgets.stage import Stage, small_jpeg
from s2v_nb.widgets.upload import Upload, keep_bytes, kept_sample, show_transfers

ACCEPTED = ",".join(("image/*", *PICTURES))
UPLOAD_WORDS = "drop browse paste cancel arrived cancelled failed press nothing".split()
STAGE_WORDS = "subject auto hint".split()
_WRAP = {"flex_flow": "row wrap", "align_items": "center"}
_AUTO = {"width": "auto", "max_width": "100%"}


class ImageUpload(Panel):
    """The picture and its frame.

    ``ImageUpload(image="a.jpg")`` shows a picture at once. What a person chooses is the workspace's: ``image``, and
    ``subject`` of its settings.
    """

    def build(self) -> list[widgets.Widget]:
        parts = [*self._sources(), *(self._plain_view() if self.plain else self._view())]
        self.watch("pictures", lambda _: self._show_pictures())
        self.watch("image", lambda _: self._show())
        self.watch("settings", lambda _: self._show())
        return parts

    def relabel(self) -> None:
        super().relabel()
        if not self.plain:
            self._upload.words = {word: self.say(f"studio.image.{word}") for word in UPLOAD_WORDS}
            self._stage.words = {word: self.say(f"studio.image.{word}") for word in STAGE_WORDS}
        self._show()

    # --- its parts

    def _sources(self) -> list[widgets.Widget]:
        self._pictures = self.words(
            widgets.Dropdown(layout={"width": "auto", "max_width": "98%", "flex": "1 1 14em"}), "studio.image.list"
        )
        self._pictures.observe(self._picked, "value")
        self._sample = self.words(widgets.Button(icon="picture-o", layout=_AUTO), "studio.image.sample")
        self.words(self._sample, "studio.image.sample_tip", "tooltip")
        self._sample.on_click(lambda _: self._use_sample())
        row = widgets.HBox([self._pictures, self._sample], layout=_WRAP)
        workspace = self.workspace
        if self.plain:
            self._file = widgets.FileUpload(accept=ACCEPTED, multiple=False, layout=_AUTO)
            self.words(self._file, "studio.image.small").observe(self._sent, "value")
            return [self._file, row]
        self._upload = Upload(workspace.report, folder=workspace.uploads, accept=ACCEPTED, done=self._use)
        show_transfers(self._upload, workspace)
        return [self._upload, row]

    def _view(self) -> list[widgets.Widget]:
        self._stage = Stage(self.workspace.report, moved=self._choose_subject)
        return [self._stage]

    def _plain_view(self) -> list[widgets.Widget]:
        self._thumbnail = widgets.Image(format="jpeg", layout={"max_width": "100%", "object_fit": "contain"})
        self._x, self._y = (
            widgets.FloatSlider(min=0, max=1, step=0.01, continuous_update=False, layout=_AUTO) for _ in range(2)
        )
        for slider, key in ((self._x, "studio.image.x"), (self._y, "studio.image.y")):
            self.words(slider, key).observe(self._slid, "value")
        auto = self.words(widgets.Button(layout=_AUTO), "studio.image.auto")
        auto.on_click(lambda _: self.attempt(lambda: self._choose_subject(None)))
        self._about = widgets.HTML()
        self._point = widgets.HBox([self._x, self._y, auto], layout=_WRAP)
        self._sha256 = ""
        return [self._thumbnail, self._point, self._about]

    # --- what a person does

    def _picked(self, change: Any) -> None:
        if not self.is_settling and change["new"]:
            self.attempt(lambda: self._use(self.workspace.folder / change["new"]))
            self._show_pictures()  # where it could not be used, the list names the one in use again

    def _use(self, path: Path) -> None:
        workspace, before = self.workspace, self.workspace.image
        workspace.touch()
        image = load_image(path)
        workspace.use(image=image)
        if before is None or before.sha256 != image.sha256:
            workspace.change(subject=None)  # a point on another picture says nothing here
        workspace.message = None
        workspace.look_at_folder()

    def _use_sample(self) -> None:
        """Draw the sample where it is not there yet, in a thread: it takes seconds, and the page shall answer."""
        self._sample.disabled = True
        self._drawing = Thread(target=self.attempt, args=(self._draw_sample,), daemon=True, name="s2v_nb-sample")
        self._drawing.start()

    def _draw_sample(self) -> None:
        try:
            self._use(kept_sample(self.workspace.uploads, "sample_cover.png", sample_image))
        finally:
            self._sample.disabled = False

    def _sent(self, change: Any) -> None:
        if self.is_settling or not change["new"]:
            return
        sent = change["new"][0]
        self.attempt(lambda: self._use(keep_bytes(self.workspace.uploads, sent["name"], sent["content"])))
        with self.settling():
            self._file.value = ()  # the kernel need not hold it

    def _slid(self, _: Any) -> None:
        if not self.is_settling and self.workspace.image:
            self.attempt(lambda: self._choose_subject((self._x.value, self._y.value)))

    def _choose_subject(self, point: tuple[float, float] | None) -> None:
        self.workspace.touch()
        self.workspace.change(subject=point)

    # --- what is shown

    def _show(self) -> None:
        self._show_pictures()
        image, settings = self.workspace.image, self.workspace.settings
        caption, lines, point = self._caption(image), [], (0.5, 0.5)
        if image:
            point = subject_of(image, settings)
            lines = [advice.sentence(self.workspace.language) for advice in advise(image, settings)]
        if self.plain:
            self._show_plain(image, point, caption, lines)
            return
        stage = self._stage
        with stage.hold_sync():
            stage.show(image)
            stage.subject, stage.found = list(point), settings.subject is None
            stage.caption, stage.lines = caption, lines
            if image:
                stage.frame = list(window_of(image, settings, point))

    def _show_plain(self, image: Image | None, point: tuple[float, float], caption: str, lines: list[str]) -> None:
        sha256 = image.sha256 if image else ""
        if sha256 != self._sha256:
            self._sha256, self._thumbnail.value = sha256, small_jpeg(image) if image else b""
        for part in (self._thumbnail, self._point):
            part.layout.display = None if image else "none"
        with self.settling():
            self._x.value, self._y.value = point
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        self._about.value = f"<p>{html.escape(caption)}</p><ul role='status'>{items}</ul>"

    def _caption(self, image: Image | None) -> str:
        if image is None:
            return self.say("studio.image.empty")
        return self.say("studio.image.about", name=image.name, width=image.size[0], height=image.size[1])

    def _show_pictures(self) -> None:
        """The list of pictures, and which one is in use."""
        names = list(self.workspace.pictures)
        current = self._current_name()
        if current and current not in names:
            names.insert(0, current)
        with self.settling():
            options = [(self.say("studio.image.none"), ""), *((name, name) for name in names)]
            if tuple(options) != tuple(self._pictures.options):
                self._pictures.options = options
            self._pictures.value = current

    def _current_name(self) -> str:
        """The picture's path relative to the folder, as the list has it; '' if it is elsewhere."""
        image = self.workspace.image
        if image is None or image.path is None or not image.path.resolve().is_relative_to(self.workspace.folder):
            return ""
        return image.path.resolve().relative_to(self.workspace.folder).as_posix()
