"""What long sessions and many crashes do; results in bench/results/trust.json, figures in docs/trust.md.

python bench/trust.py                 everything, about an hour
python bench/trust.py crash memory    only these
"""

import random
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from common import keep

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from s2v_nb import sample_audio, sample_image
from tests.trust import kills

SEED = 20


def main() -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        image, song = sample_image(place / "cover.png"), sample_audio(place / "song.wav")
        parts = {"clips": clips, "sweeps": sweeps, "workers": workers, "uploads": uploads}
        for name in sys.argv[1:] or parts:
            (place / name).mkdir()
            print(keep("trust", {name: parts[name](image, song, place / name)}).read_text())


def clips(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of a process that makes a clip", kills.clips(image, song, place, 100, chance()))


def sweeps(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of the driver of a sweep of three clips", kills.sweeps(image, song, place, 100, chance()))


def workers(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of the studio's worker while it makes a clip", kills.jobs(image, song, place, 30, chance()))


def uploads(image: Path, song: Path, place: Path) -> dict:
    return told("kill -9 of a process that takes uploads", kills.uploads(place, 100, chance()))


def chance() -> random.Random:
    return random.Random(SEED)


def told(what: str, found: kills.Findings) -> dict:
    return {"what": f"{what}, at moments spread over its time", **asdict(found)}


if __name__ == "__main__":
    main()
