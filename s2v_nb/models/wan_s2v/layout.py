"""The order of the tokens in the sequence, and the place in time and space that each is given.

    [ video | reference | near | mid | far ]

``video`` are the latents being denoised, ``reference`` the picture, the last three the motion frames: the newest latent
frame whole, the two before it at half, the sixteen before those at a quarter of the resolution (FramePack's idea).
"""

from dataclasses import dataclass

import torch

PATCH = 2  # latent rows and columns of one token
FRAMES_PER_LATENT = 4  # the VAE's factor in time
MOTION_FRAMES = 19  # latent motion frames the network looks at: 1 near, 2 mid, 16 far
NEAR, MID, FAR = 1, 2, 16
REFERENCE_TIME = 30  # the rotary position in time that was kept for the reference
MAX_LATENT_FRAMES = REFERENCE_TIME  # frames 0..29; one more would sit on the reference's place
THETA = 10_000.0


@dataclass(frozen=True)
class TokenLayout:
    """How many tokens of which kind, for latents of ``frames`` x ``height`` x ``width`` (before patching)."""

    frames: int
    height: int
    width: int
    motion: bool

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens in a frame."""
        return self.height // PATCH, self.width // PATCH

    @property
    def tokens_per_frame(self) -> int:
        rows, columns = self.grid
        return rows * columns

    @property
    def video_tokens(self) -> int:
        return self.frames * self.tokens_per_frame

    @property
    def tokens(self) -> int:
        """The whole sequence."""
        return sum(len(times) * len(rows) * len(columns) for times, rows, columns in self._segments())

    def _segments(self) -> list[tuple[list[int], list[int], list[int]]]:
        """Positions of each segment: in time, of the rows, of the columns."""
        rows, columns = self.grid
        every_row, every_column = list(range(rows)), list(range(columns))
        segments = [
            (list(range(self.frames)), every_row, every_column),
            ([REFERENCE_TIME], every_row, every_column),
        ]
        if not self.motion:
            return segments
        segments.append(([-NEAR], every_row, every_column))
        for oldest, frames, depth, stride in ((-NEAR - MID, MID, 2, 4), (-NEAR - MID - FAR, FAR, 4, 8)):
            times = [oldest + k for k in stretched(frames, frames // depth)]
            places = (stretched(rows, self.height // stride), stretched(columns, self.width // stride))
            segments.append((times, *places))
        return segments

    def positions(self) -> torch.Tensor:
        """(time, row, column) of every token, in the order of the sequence; int64 (tokens, 3)."""
        grids = [torch.cartesian_prod(*map(torch.tensor, segment)).reshape(-1, 3) for segment in self._segments()]
        return torch.cat(grids)


def stretched(places: int, samples: int) -> list[int]:
    """``samples`` whole numbers over 0..``places`` - 1, both ends included, rounded down; [0] for one sample."""
    if samples == 1:
        return [0]
    return [k * (places - 1) // (samples - 1) for k in range(samples)]


def rotary_bands(head_dim: int) -> tuple[int, int, int]:
    """Channels of a head that turn with time, row and column; 44, 42, 42 of 128."""
    side = 2 * (head_dim // 6)
    return head_dim - 2 * side, side, side


def rotary_angles(positions: torch.Tensor, head_dim: int) -> torch.Tensor:
    """Angles in radians of every pair of channels, float64 (tokens, head_dim / 2).

    Pair i of a band of m channels turns by 10000^(-2i/m) a place (J. Su et al., "RoFormer", 2021), with time, rows and
    columns in bands of their own. Float64, since a table in float32 is off by 1e-5 at the far end.
    """
    angles = []
    for axis, band in enumerate(rotary_bands(head_dim)):
        pairs = torch.arange(0, band, 2, dtype=torch.float64, device=positions.device)
        angles.append(torch.outer(positions[:, axis].double(), THETA ** (-pairs / band)))
    return torch.cat(angles, dim=1)


@dataclass(frozen=True)
class Shard:
    """Which tokens of the sequence this process holds: all of them, or its part under context parallelism."""

    start: int
    stop: int
    layout: TokenLayout

    @property
    def video_tokens(self) -> int:
        """How many of them, the first ones, are video."""
        return max(0, min(self.stop, self.layout.video_tokens) - self.start)

    @property
    def frame_span(self) -> tuple[int, int]:
        """Latent frames that the video tokens touch: the first, and one past the last."""
        per_frame = self.layout.tokens_per_frame
        first = self.start // per_frame
        return first, max(first, -(-(self.start + self.video_tokens) // per_frame))

    @property
    def padding(self) -> tuple[int, int]:
        """Tokens missing before and after the video tokens to make these frames whole."""
        per_frame = self.layout.tokens_per_frame
        first, last = self.frame_span
        return (self.start - first * per_frame, last * per_frame - self.start - self.video_tokens)


def shard_of(layout: TokenLayout, rank: int = 0, ranks: int = 1) -> Shard:
    """The part of process ``rank`` of ``ranks``, cut as `torch.tensor_split` cuts (equal parts where they divide)."""
    share, left = divmod(layout.tokens, ranks)
    start = rank * share + min(rank, left)
    return Shard(start, start + share + (rank < left), layout)
