"""Foreground and background of a picture, for parallax, where the picture allows it."""

from dataclasses import dataclass

import cv2
import numpy as np

WORK_WIDTH = 384
SMALLEST, LARGEST = 0.03, 0.55  # part of the picture that a foreground may fill
MAX_ON_EDGES = 0.25  # part of the top, left and right edge that it may touch
MIN_CONTRAST = 0.30  # Bhattacharyya distance of the colours of foreground and background, 0 to 1
MIN_ON_EDGES = 0.82  # part of the outline that must run along the picture's strongest quarter of edges
MIN_SOLIDITY = 0.7  # area over that of the convex hull: a ragged outline is a guess


@dataclass(frozen=True, eq=False)
class Split:
    """``alpha`` float32 (height, width), 1 in the foreground; ``background`` uint8 RGB with that painted out."""

    alpha: np.ndarray
    background: np.ndarray


def split_foreground(pixels: np.ndarray, subject: tuple[float, float]) -> Split | None:
    """Cut the foreground round ``subject`` (x, y, pixels) from an RGB picture, or None if nothing stands out clearly.

    GrabCut (Rother, Kolmogorov, Blake 2004) from a box round the subject, at low resolution; the cut is kept only if
    it is of fair size, away from the edges and differs in colour from the rest.
    """
    height, width = pixels.shape[:2]
    scale = WORK_WIDTH / width
    small = cv2.resize(pixels, (WORK_WIDTH, max(32, round(height * scale))), interpolation=cv2.INTER_AREA)
    mask = _grab_cut(small, (subject[0] * scale, subject[1] * scale))
    if mask is None or not _stands_out(small, mask):
        return None
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    alpha = cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC)
    alpha = np.clip((alpha - 0.25) / 0.5, 0, 1)
    hole = cv2.dilate(mask, np.ones((9, 9), np.uint8))
    filled = cv2.inpaint(small, hole, 5, cv2.INPAINT_TELEA)
    filled = cv2.GaussianBlur(filled, (0, 0), 2)
    behind = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    cover = cv2.GaussianBlur(cv2.resize(hole.astype(np.float32), (width, height)), (0, 0), 3)[..., None]
    background = pixels + (behind.astype(np.float32) - pixels) * np.clip(cover * 1.5, 0, 1)
    return Split(alpha, np.clip(background + 0.5, 0, 255).astype(np.uint8))


def _grab_cut(small: np.ndarray, subject: tuple[float, float]) -> np.ndarray | None:
    """uint8 mask (height, width), 1 in the foreground."""
    height, width = small.shape[:2]
    half_w, half_h = 0.32 * width, 0.42 * height
    left, top = int(max(2, subject[0] - half_w)), int(max(2, subject[1] - half_h))
    right, bottom = int(min(width - 2, subject[0] + half_w)), int(min(height - 1, subject[1] + half_h))
    mask = np.zeros((height, width), np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut clusters colours with OpenCV's random numbers
    try:
        cv2.grabCut(
            cv2.cvtColor(small, cv2.COLOR_RGB2BGR),
            mask,
            (left, top, right - left, bottom - top),
            *models,
            4,
            cv2.GC_INIT_WITH_RECT,
        )
    except cv2.error:  # a picture of one colour leaves it nothing to cluster
        return None
    binary = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    binary = cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(binary)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return (labels == largest).astype(np.uint8)


def _stands_out(small: np.ndarray, mask: np.ndarray) -> bool:
    """True if the cut is of fair size, off the edges, of one piece, along real edges and of other colours."""
    if not SMALLEST < mask.mean() < LARGEST:
        return False
    if np.concatenate([mask[0], mask[:, 0], mask[:, -1]]).mean() > MAX_ON_EDGES:
        return False
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if mask.sum() < MIN_SOLIDITY * cv2.contourArea(cv2.convexHull(outlines[0])):
        return False
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    return _along_edges(lab, mask) > MIN_ON_EDGES and _color_distance(lab, mask) > MIN_CONTRAST


def _along_edges(lab: np.ndarray, mask: np.ndarray) -> float:
    """Part of the mask's outline, 0 to 1, where the picture's gradient is in its top quarter."""
    smooth = cv2.GaussianBlur(lab.astype(np.float32), (0, 0), 1)
    steps = [cv2.Sobel(smooth, cv2.CV_32F, dx, dy) for dx, dy in ((1, 0), (0, 1))]
    gradient = np.sqrt(sum((step**2).sum(axis=2) for step in steps))
    outline = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(bool)
    return float((gradient[outline] > np.percentile(gradient, 75)).mean())


def _color_distance(lab: np.ndarray, mask: np.ndarray) -> float:
    histograms = []
    for part in (mask, 1 - mask):
        histogram = cv2.calcHist([lab], [0, 1, 2], part, [8, 12, 12], [0, 256] * 3)
        histograms.append(cv2.normalize(histogram, None, 1, 0, cv2.NORM_L1))
    return cv2.compareHist(histograms[0], histograms[1], cv2.HISTCMP_BHATTACHARYYA)
