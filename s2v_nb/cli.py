"""`s2v-nb`: everything a notebook can do, from a terminal.

Exit status: 0 done, 1 failed in spite of good input, 2 the input or a choice cannot be used. With ``--json`` exactly
one JSON object goes to stdout and everything else to stderr.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2v_nb import __version__
from s2v_nb.cli_models import add_commands as add_model_commands
from s2v_nb.cli_options import Parser, add_command, add_settings, settings_of, tell, usage_error
from s2v_nb.cli_sweeps import add_commands as add_sweep_commands
from s2v_nb.errors import Cancelled, InputError, SentenceError, say
from s2v_nb.log import sentence_of, start_log
from s2v_nb.settings import CONTROLS

if TYPE_CHECKING:
    from s2v_nb.engines import Limits
    from s2v_nb.media import Audio
    from s2v_nb.rhythm import Excerpt, Rhythm

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
logger = logging.getLogger("s2v_nb")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    try:
        start_log()
        options = _parser().parse_args(given)
        result = options.run(options)
        if as_json:
            _print_json(result)
        sys.stdout.flush()
        return FAILED if result.get("failed") else DONE
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _explain(Cancelled("cancelled"), as_json)
    except SentenceError as error:
        return _explain(error, as_json)
    except Exception as error:
        logger.exception("%s failed", given[:1])
        return _explain(sentence_of(error), as_json)


def _explain(error: SentenceError, as_json: bool) -> int:
    logger.info("%s: %s", type(error).__name__, error, exc_info=error.__cause__)
    print(f"s2v-nb: {error.sentence()}", file=sys.stderr)
    if as_json:
        _print_json({"error": error.sentence()})
    if isinstance(error, Cancelled):
        return INTERRUPTED
    return BAD_INPUT if isinstance(error, InputError) else FAILED


def _print_json(values: dict[str, Any]) -> None:
    """One line; a file name that is no Unicode is shown with question marks."""
    print(json.dumps(values, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode())


# --- the commands


def _generate(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.progress import Progress, TerminalView
    from s2v_nb.runs import generate, replay

    view = TerminalView()
    common = {"out": options.out, "runs": options.runs, "progress": Progress(view)}
    try:
        if options.clip:
            _refuse_settings(options)
            clip = replay(options.clip, options.image, options.audio, **common)
        else:
            _require(options, "image", "audio")
            clip = generate(options.image, options.audio, settings_of(options), limits=_limits(options), **common)
    finally:
        view.close()
    for notice in clip.notices:
        print(f"{say('label.note')}: {notice}", file=sys.stderr)
    tell(str(clip.path), options)
    return clip.to_dict()


def _limits(options: argparse.Namespace) -> "Limits":
    from s2v_nb.engines import Limits

    given: dict[str, Any] = {"price_per_hour": options.price}
    if options.max_minutes is not None:
        given["seconds"] = options.max_minutes * 60
    if options.max_cost is not None:
        given["money"] = options.max_cost
    return Limits(**given)


def _require(options: argparse.Namespace, *names: str) -> None:
    missing = [f"--{name}" for name in names if getattr(options, name) is None]
    if missing:
        raise usage_error(options.command, f"{' and '.join(missing)} must be given, or --from CLIP")


def _refuse_settings(options: argparse.Namespace) -> None:
    given = [name for name in (*CONTROLS, "prompt", "subject", "engine") if getattr(options, name) is not None]
    if given:
        name = given[0].replace("_", "-")
        raise usage_error(options.command, f"--from makes the same clip again, so --{name} cannot be given")


def _analyze(options: argparse.Namespace) -> dict[str, Any]:
    if options.evaluate:
        if options.plot or options.correct:
            raise usage_error(options.command, "--evaluate scores a folder, so --plot and --correct cannot be given")
        return _evaluate(options)
    from s2v_nb import analyze, best_excerpts, load_audio
    from s2v_nb.rhythm.corrections import corrected
    from s2v_nb.rhythm.trackers import choose_tracker, missing_weights

    _check_plot(options.plot)
    audio = load_audio(options.audio)
    choose_tracker(options.tracker)  # what cannot be used is refused before anything is written
    if options.correct:
        corrected(audio, options.correct).save(audio)
    rhythm = analyze(audio, tracker=options.tracker)
    excerpts = best_excerpts(audio, options.duration, rhythm=rhythm)
    if options.plot:
        import matplotlib as mpl

        mpl.use("agg")
        from s2v_nb.plots import plot_beats, save

        save(plot_beats(audio, rhythm, candidates=excerpts), options.plot)
    if rhythm.tracker == "librosa" and (missing := missing_weights()):
        print(f"{say('label.note')}: {missing.sentence()}", file=sys.stderr)
    for line in _described(audio, rhythm, excerpts):
        tell(line, options)
    parts = [{"start": e.start, "duration": round(e.duration, 3), "reason": e.reason} for e in excerpts]
    return {"audio": audio.name, "rate": audio.rate, **rhythm.to_dict(), "excerpts": parts}


def _described(audio: "Audio", rhythm: "Rhythm", excerpts: "list[Excerpt]") -> list[str]:
    tempo = f"{rhythm.tempo:.2f} BPM, {rhythm.metre} beats a bar" if rhythm.tempo else "no beat found"
    return [
        f"{audio.name}: {audio.duration:.2f} s, {audio.rate} Hz, {tempo}, {rhythm.loudness:.1f} LUFS",
        f"heard by {rhythm.tracker}, sure to {rhythm.sureness:.0%}; a voice in {rhythm.vocals:.0%} of the time",
        *[f"phrase {p.label}: {p.start:.2f}-{p.end:.2f} s, {p.bars} bars, {p.energy:+.1f} dB" for p in rhythm.phrases],
        *[f"{m.kind}: {m.start:.2f}-{m.end:.2f} s, {m.strength:.0f} dB" for m in rhythm.moments],
        *[f"excerpt: {e.start:.2f}-{e.end:.2f} s: {e.words('en')}" for e in excerpts],
        "beats:     " + " ".join(f"{t:.3f}" for t in rhythm.beats),
        "downbeats: " + " ".join(f"{t:.3f}" for t in rhythm.downbeats),
    ]


def _evaluate(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.rhythm.evaluation import evaluate, table

    result = evaluate(Path(options.audio), options.evaluate, tracker=options.tracker)
    tell(table(result), options)
    return result


def _check_plot(plot: str | None) -> None:
    """Raise InputError unless a plot can be written there, before any work."""
    if plot and (Path(plot).suffix.lower() not in (".png", ".svg", ".pdf") or not Path(plot).parent.is_dir()):
        raise InputError("plot.name", name=plot)


def _alignment(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb import measure_alignment

    _check_plot(options.plot)
    report = measure_alignment(options.clip, options.audio)
    if options.plot:
        import matplotlib as mpl

        mpl.use("agg")
        from s2v_nb.plots import plot_alignment, save

        save(plot_alignment(report), options.plot)
    tell(str(report), options)
    return report.to_dict()


def _directions(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.engines.preview.directions import DIRECTIONS

    for d in DIRECTIONS:
        tell(f"{d.kind:8} {d.name:16} {d.name_zh:8} also: {', '.join(d.synonyms)}", options)
    return {"directions": [{"name": d.name, "zh": d.name_zh, "kind": d.kind} for d in DIRECTIONS]}


def _doctor(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.session import describe

    found = describe()
    for name, value in found.items():
        tell(f"{name:12} {value}", options)
    return found


def _demo(options: argparse.Namespace) -> dict[str, Any]:
    from s2v_nb.demo import PROMPT, make_demo

    if not (options.image or options.audio or options.prompt):  # the sample shows what there is to see
        options.prompt, options.motion = PROMPT, options.motion or "high"
    result = make_demo(options.image, options.audio, settings_of(options), Path(options.out), runs=options.runs)
    for label, value in result.items():
        if label != "report":
            tell(f"{label:10} {value}", options)
    tell(result["report"], options)
    return result


def _lab(options: argparse.Namespace) -> dict[str, Any]:
    """JupyterLab on the first notebook, for this machine only and behind Jupyter's token."""
    notebook = Path(options.notebook)
    if not notebook.is_file():
        raise InputError("file.missing", name=str(notebook), what="notebook", what_zh="笔记本")
    # the address that is printed leads to the notebook, for whoever opens it through a tunnel
    command = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    config = Path(__file__).resolve().parents[1] / "env" / "jupyter_server_config.py"
    if config.is_file():  # not in an installed package
        command += [f"--config={config}", "--ServerApp.open_browser=True"]
    command += [f"--ServerApp.root_dir={notebook.parent.resolve()}", f"--LabApp.default_url=/lab/tree/{notebook.name}"]
    # `!s2v-nb` in a cell and in Lab's terminal is this installation's
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # rented machines log in as root; the token still guards
        command.append("--allow-root")
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - a fixed program, no shell


# --- the parser


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="s2v-nb", description="One picture and one song become a beat-synchronised clip.")
    parser.add_argument("--version", action="version", version=f"s2v-nb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    one = add_command(commands, "generate", _generate, "make a clip of one picture and one song")
    one.add_argument("--image", metavar="FILE", help="the picture: JPG, PNG, WebP ...")
    one.add_argument("--audio", metavar="FILE", help="the song: WAV, MP3, FLAC, OGG, Opus, M4A")
    add_settings(one)
    one.add_argument("--max-minutes", type=float, metavar="M", help="--engine auto takes none that needs longer")
    one.add_argument("--max-cost", type=float, metavar="C", help="... nor one that costs more, at --price")
    one.add_argument("--price", type=float, default=0.0, metavar="P", help="of an hour of this machine (default 0)")
    one.add_argument("--out", metavar="FILE.mp4", help="also copy the clip to this file")
    one.add_argument("--runs", default="runs", metavar="FOLDER", help="where clips are kept (default: runs)")
    one.add_argument("--from", dest="clip", metavar="CLIP", help="make this clip again from its metadata")

    one = add_command(commands, "analyze", _analyze, "hear tempo, beats and downbeats of a song")
    one.add_argument("audio", metavar="AUDIO", help="a song, or with --evaluate a folder of songs")
    one.add_argument("--plot", metavar="FILE.png", help="also draw the beat plot")
    one.add_argument("--tracker", default="auto", help="auto|beatnet|librosa|beat_this|madmom (default auto)")
    one.add_argument("--duration", type=float, default=8.0, help="of the excerpts that are offered (default 8)")
    one.add_argument(
        "--correct", metavar="STEPS", help='e.g. "double, rotate 1, nudge -12"; also halve, shift, metre 3, undo, reset'
    )
    one.add_argument("--evaluate", metavar="FILE.json", help="score beats against the annotations of a folder")

    one = add_command(commands, "alignment", _alignment, "measure how well a clip keeps time with its music")
    one.add_argument("clip", metavar="CLIP")
    one.add_argument("--audio", metavar="FILE", help="the music, if not the clip's own sound")
    one.add_argument("--plot", metavar="FILE.png", help="also draw the alignment plot")

    add_command(commands, "directions", _directions, "list the directions a prompt may hold")
    add_command(commands, "doctor", _doctor, "say what this machine has and what is missing")

    one = add_command(commands, "demo", _demo, "make the sample clip, its beat plot and its alignment report")
    one.add_argument("--image", metavar="FILE", help="your picture instead of the sample")
    one.add_argument("--audio", metavar="FILE", help="your song instead of the sample")
    add_settings(one)
    one.add_argument("--out", default="demo", metavar="FOLDER", help="where the files go (default: demo)")
    one.add_argument("--runs", default="runs", metavar="FOLDER", help="where clips are kept (default: runs)")

    add_sweep_commands(commands)
    add_model_commands(commands)

    one = add_command(commands, "lab", _lab, "open JupyterLab on the first notebook")
    one.add_argument("notebook", nargs="?", default="notebooks/01_first_video.ipynb")
    return parser


if __name__ == "__main__":
    sys.exit(main())
