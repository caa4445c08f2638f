"""Code in the documents works as printed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from s2v_nb import Settings, analyze, generate, load_audio, load_image
from s2v_nb.engines import ENGINES, Request

ROOT = Path(__file__).resolve().parents[1]


def code_blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def test_the_engine_of_contributing_works(cover, song, tmp_path, monkeypatch):
    (source,) = code_blocks("CONTRIBUTING.md")
    assert len(source.splitlines()) <= 32
    (tmp_path / "tint_engine.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(ENGINES, "tint", "tint_engine:TintEngine")

    clip = generate(cover, song, engine="tint", duration=3.0, resolution="480p", runs=tmp_path / "runs")

    assert clip.spec.engine == "tint"
    assert clip.spec.num_frames == 90


def test_its_frames_do_not_depend_on_those_before(cover, song, tmp_path):
    (source,) = code_blocks("CONTRIBUTING.md")
    names: dict = {}
    exec(source, names)
    audio = load_audio(song).excerpt(0.0, 3.0)
    request = Request(load_image(cover), audio, analyze(audio), Settings(resolution="480p"), 90)
    engine = names["TintEngine"]()

    assert np.array_equal(next(engine.frames(request, 50)), list(engine.frames(request))[50])


@pytest.mark.parametrize("name", ["README.md", pytest.param("README.zh.md", marks=pytest.mark.slow)])
def test_python_in_the_readme_runs(name, cover, song, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cover.jpg").write_bytes(cover.read_bytes())
    (tmp_path / "song.mp3").write_bytes(song.read_bytes())
    for source in code_blocks(name):
        exec(source, {})
    assert list(tmp_path.glob("runs/*/clip.mp4"))


def test_both_readmes_have_the_same_sections():
    counts = [(ROOT / name).read_text().count("\n## ") for name in ("README.md", "README.zh.md")]

    assert counts[0] == counts[1]


def test_links_in_the_documents_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("env/*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert target.startswith("http") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_readme_figures_are_the_measured_ones():
    """Every number in the table of the README stands in the committed result file."""
    results = json.loads((ROOT / "bench/results/first_video.json").read_text())
    text = (ROOT / "README.md").read_text()
    table = text[text.index("<!-- figures -->") : text.index("<!-- /figures -->")]
    high = results["demo_alignment"]["high"]["scores"]["stops"]
    for figure in (
        f"{results['speed']['rich']:.1f} s",
        f"{results['speed']['plain']:.1f} s",
        f"{results['speed']['times faster than moviepy']:.1f} x",
        f"{results['memory']['8 s of song']} MiB",
        f"{results['memory']['5 min of song']} MiB",
        f"{high['r']:.3f}",
        f"{high['lag_ms']:+.1f} ms",
        f"{results['fresh_clone']['first, packages downloaded']:.0f} s",
        f"{results['fresh_clone']['second']:.0f} s",
    ):
        assert figure in table, figure


def rhythm_rows() -> list[str]:
    """The lines of the README's table on beats, from the committed result file."""
    results = json.loads((ROOT / "bench/results/rhythm.json").read_text())
    names = {
        "f": "beat F",
        "amlt": "AMLt",
        "downbeat_f": "downbeat F",
        "tempo": "tempo within 4 %, octave allowed",
        "lag_ms": "median lag of beats (ms)",
        "amlt_sure": "AMLt of the more confident half",
    }
    both = [results[f"beats, {tracker}"]["scores"] for tracker in ("beatnet", "librosa")]
    digits = {name: 1 if name == "lag_ms" else 2 for name in names}

    def shown(name: str, found: list[float]) -> str:
        value, low, high = (f"{v:.{digits[name]}f}" for v in found)
        return f"{value} [{low} to {high}]"

    rows = [f"| {label} | " + " | ".join(shown(n, s[n]) for s in both) + " |" for n, label in names.items()]
    song = results["3-minute song"]
    return [
        *rows,
        f"| seconds for a 3-minute song: warm; first call in a new process | {song['warm']['seconds']:.1f}; "
        f"{song['first call in a new process']['seconds']:.1f} | |",
    ]


def test_readme_scores_are_the_measured_ones():
    text = (ROOT / "README.md").read_text()
    table = text[text.index("<!-- rhythm -->") : text.index("<!-- /rhythm -->")]

    assert table.splitlines()[3:] == rhythm_rows()


def studio_rows() -> list[str]:
    """The lines of the README's table on the studio, from the committed result file."""
    found = json.loads((ROOT / "bench/results/studio.json").read_text())
    opened, upload = found["cell to usable panels, s"], found["60 MiB upload"]
    slider, cell = found["slider to expected cost, ms"], found["empty cell while a clip is made, ms"]
    size = found["notebook after five clips, KB"]["size"]
    return [
        f"| from running the cell to usable panels: first in a kernel, again | {opened['first in the kernel']:.1f} s, "
        f"{opened['second']:.1f} s |",
        f"| a file of 60 MiB uploaded on default limits; growth of the kernel's memory | {upload['seconds']:.1f} s; "
        f"{upload['kernel memory growth, MB']:.0f} MB |",
        f"| from a key on a slider to the new expected cost (median) | {slider['median']:.0f} ms |",
        f"| the kernel answers an empty cell while a clip is made (median) | {cell['median']:.0f} ms |",
        f"| size of the notebook after five clips | {size:.0f} KB |",
    ]


def sweep_rows() -> list[str]:
    """The lines of the README's table on sweeps, from the committed result file."""
    found = json.loads((ROOT / "bench/results/sweep.json").read_text())
    alone, ray, kills = found["against_generate"]["no prompt"], found["ray"], found["kills"]
    command = "as a command, with Python's start, seconds"
    return [
        f"| 12 clips of 4 s at 480p: one sweep; 12 x `generate`; 12 x `generate` and `alignment` | "
        f"{alone['sweep']:.0f} s; {alone['12 x generate']:.0f} s; {alone['12 x generate and alignment']:.0f} s |",
        f"| 16 such clips on Ray, rendered and measured: 1 worker, 2 workers of one core each | "
        f"{ray['1 worker']['whole run']:.0f} s, {ray['2 workers']['whole run']:.0f} s |",
        f"| what runner and store add to a clip | {found['overhead']['milliseconds']:.0f} ms |",
        f"| a finished sweep of 200 clips run again; as a command | {found['resume']['seconds']:.1f} s; "
        f"{found['resume'][command]:.1f} s |",
        f"| `kill -9` at {kills['kills']} random moments: finished clips lost, computed twice | "
        f"{kills['finished cells lost']}, {kills['finished cells computed twice']} |",
    ]


def test_readme_figures_of_sweeps_are_the_measured_ones():
    text = (ROOT / "README.md").read_text()
    table = text[text.index("<!-- sweep -->") : text.index("<!-- /sweep -->")]

    assert table.splitlines()[3:] == sweep_rows()


def test_readme_figures_of_the_studio_are_the_measured_ones():
    text = (ROOT / "README.md").read_text()
    table = text[text.index("<!-- studio -->") : text.index("<!-- /studio -->")]

    assert table.splitlines()[3:] == studio_rows()


def s2v_rows() -> list[str]:
    """The lines of the table in docs/wan_s2v.md, from the committed result file."""
    found = json.loads((ROOT / "bench/results/s2v_h100.json").read_text())
    forward, fp8, two = found["forward"], found["fp8"], found["parallel"]
    official, flash, cudnn = (
        forward["official_h100"],
        forward["compiled flash_4_hub"],
        forward["compiled _native_cudnn"],
    )
    sizes = ("480p", "720p")

    def line(label: str, *cells: str) -> str:
        return f"| {label} | {' | '.join(cells)} |"

    return [
        line("official, cuDNN attention, one H100 (given)", *(f"{official[size]['cudnn']:.2f} s" for size in sizes)),
        line("eager, cuDNN", f"{forward['eager _native_cudnn']['480p']['seconds']:.2f} s", ""),
        line("compiled, cuDNN", f"{cudnn['480p']['seconds']:.2f} s", f"{two['720p']['one']['seconds']:.2f} s"),
        line("compiled, flash-attn-4", *(f"{flash[size]['seconds']:.2f} s" for size in sizes)),
        line(
            "its peak memory above the weights", *(f"{flash[size]['peak_above_weights_gb']:.2f} GB" for size in sizes)
        ),
        line("compiled, flash-attn-4, float8 products", *(f"{fp8[size]['seconds']:.2f} s" for size in sizes)),
        line("relative distance of its output to bfloat16", f"{100 * fp8['480p']['relative_l2_to_bf16']:.1f} %", ""),
        line(
            "two H200, cuDNN", *(f"{two[size]['two']['seconds']:.2f} s, {two[size]['times']:.2f} x" for size in sizes)
        ),
    ]


def test_figures_of_the_s2v_network_are_the_measured_ones():
    text = (ROOT / "docs/wan_s2v.md").read_text()
    table = text[text.index("<!-- s2v -->") : text.index("<!-- /s2v -->")]

    assert table.splitlines()[3:] == s2v_rows()


def test_figures_of_the_engines_are_the_measured_ones():
    """Every figure of the table in docs/engines.md that was measured stands in the result file."""
    found = json.loads((ROOT / "bench/results/engines_h100.json").read_text())
    text = (ROOT / "docs/engines.md").read_text()
    later = found["clip"]["later"]
    cover, singer, large = (found[name]["rows"] for name in ("cover", "singer480", "singer720"))
    whole = cover["resident"]["step_seconds"]
    times = ", ".join(f"{cover[cap]['step_seconds'] / whole:.2f} x" for cap in ("6 GB", "5 GB", "4.5 GB"))
    load = found["load"]
    rows = [*cover.values(), *singer.values(), *large.values(), *found["singer480_other"]["rows"].values()]
    off = max(abs(row["predicted_gb"] / row["measured_gb"] - 1) for row in rows)
    resident = singer["resident"]["step_seconds"], large["resident"]["step_seconds"]
    disk, float8 = (found["singer480_other"]["rows"][name] for name in ("disk", "fp8"))
    left = later[1]["total"] - later[1]["decoded at"]
    expected = [
        f"{later[0]['total']:.1f} and {later[1]['total']:.1f} s: missed",
        f"{later[1]['hearing']:.1f} s; {later[1]['parts']:.1f} s; {later[1]['decoding']:.1f} s; {left:.1f} s",
        f"{found['clip']['first']['total']:.1f} s",
        f"{times} a step ({whole:.3f} s",
        *(
            f"{rows[one]['step_seconds'] / all_there:.2f} x, {rows[other]['step_seconds'] / all_there:.2f} x a step "
            f"({all_there:.3f} s"
            for rows, all_there, one, other in (
                (singer, resident[0], "6 GB", "5 GB"), (large, resident[1], "8 GB", "7 GB")
            )
        ),
        f"{disk['step_seconds'] / resident[0]:.2f} x, {disk['measured_gb']:.1f} GB; "
        f"{float8['step_seconds'] / resident[0]:.2f} x, {float8['measured_gb']:.1f} GB",
        f"{load['ours_seconds']:.1f} s, {load['times_reading']} x reading it once ({load['read_seconds']} s)",
        f"{found['clip']['second_use_ms']:.2f} ms",
        f"{100 * off:.1f} % at worst",
    ]  # fmt: skip

    limits = "singer 480p in 6 GB {:.2f} x, 720p in 8 GB {:.2f} x, cover art 720p in 6 GB {:.2f} x".format(
        singer["6 GB"]["step_seconds"] / resident[0], large["8 GB"]["step_seconds"] / resident[1],
        cover["6 GB"]["step_seconds"] / whole,
    )  # fmt: skip
    readme = " ".join((ROOT / "README.md").read_text().split())

    assert [line for line in expected if line not in text] == []
    assert limits in readme
    assert {round(one["total"]) for one in later} == {14}  # as it says there
    assert [row for row in rows if row["failed"]] == []
    assert off == pytest.approx(found["planner"]["worst"], abs=1e-3)


def test_figures_of_trust_are_the_measured_ones():
    """Kills and memory in docs/trust.md, as the result file has them."""
    found = json.loads((ROOT / "bench/results/trust.json").read_text())
    text = (ROOT / "docs/trust.md").read_text()
    kills = [found[name] for name in ("clips", "sweeps", "workers", "uploads", "downloads")]
    broken = (
        "finished_lost", "finished_written_again", "finished_frames_rendered_again", "half_files_by_a_final_name",
        "results_that_differ", "locks_left",
    )  # fmt: skip
    large, memory, stop = found["large"], found["memory"], found["stop"]
    expected = [
        *(f"| {each['kills']} | {each['stories']} | {sum(each[name] for name in broken)} | " for each in kills),
        *(f"| of a {what} | {large[what]['peak MiB']} MiB |" for what in large if what not in ("machine", "what")),
        f"| slowest stop | {stop['slowest, s']:.2f} s |",
        f"| memory that is held after all of them | {stop['memory that is held after them, MiB']:.0f} MiB |",
        f"| after the first 20 | {memory['after 20']} MiB |",
        f"| at the end | {memory['at the end']} MiB: {memory['growth, %']:.1f} % more |",
        f"| highest | {memory['highest']} MiB |",
    ]

    assert [line for line in expected if line not in text] == []
    assert [each["scratch_files_left"] for each in kills] == [0] * len(kills)
