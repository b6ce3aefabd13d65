# SPDX-License-Identifier: Apache-2.0
"""What two detectors of the catalogue want of a picture, and the boxes in what
they answer: YOLOX (Ge et al., 2021) and FastestDet."""

import dataclasses
import pathlib

import numpy as np
from PIL import Image


@dataclasses.dataclass
class Box:
    kind: int  # class, from 0
    score: float
    corners: np.ndarray  # left, top, right, bottom

    def union_share(self, other: "Box") -> float:
        """What both cover of what either covers."""
        low = np.maximum(self.corners[:2], other.corners[:2])
        high = np.minimum(self.corners[2:], other.corners[2:])
        both = np.prod(np.maximum(high - low, 0))
        areas = [np.prod(b.corners[2:] - b.corners[:2]) for b in (self, other)]
        return float(both / (sum(areas) - both))


def _blue_first(picture: Image.Image) -> np.ndarray:
    pixels = np.asarray(picture, np.float32)[..., ::-1]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _box(kind: int, score: float, center: np.ndarray, size: np.ndarray) -> Box:
    corners = np.concatenate([center - size / 2, center + size / 2])
    return Box(int(kind), float(score), corners)


class _Detector:
    """scores(answer) gives a number for each place and class; box(answer, i)
    the box of number i of them, flattened."""

    def best(self, answer: np.ndarray) -> Box:
        return self.box(answer, self.scores(answer).argmax())

    def boxes(self, answer: np.ndarray, within: float) -> list[Box]:
        """Those scored at most `within` below the best, which comes first."""
        scores = self.scores(answer).reshape(-1)
        near = np.flatnonzero(scores >= scores.max() - within)
        near = near[np.argsort(-scores[near], kind="stable")]
        return [self.box(answer, place) for place in near]


class YoloxNano(_Detector):
    NAME = "yolox_nano"

    def sample(self, path: pathlib.Path) -> np.ndarray:
        """[3, 416, 416]: scaled to fit, in the upper left corner; 0..255."""
        picture = Image.open(path).convert("RGB")
        ratio = 416 / max(picture.size)
        size = [max(1, int(side * ratio)) for side in picture.size]
        field = Image.new("RGB", (416, 416), (114, 114, 114))
        field.paste(picture.resize(size, Image.BILINEAR), (0, 0))
        return _blue_first(field)

    def scores(self, answer: np.ndarray) -> np.ndarray:
        """Of [3549, 85]: center and log size in cells, object, classes."""
        return answer[:, 4:5] * answer[:, 5:]

    def box(self, answer: np.ndarray, place: int) -> Box:
        scores = self.scores(answer)
        index, kind = np.unravel_index(place, scores.shape)
        first = 0
        for stride in [8, 16, 32]:
            cells = 416 // stride
            if index < first + cells * cells:
                break
            first += cells * cells
        cell = np.array([(index - first) % cells, (index - first) // cells])
        center = (answer[index, :2] + cell) * stride
        size = np.exp(answer[index, 2:4]) * stride
        return _box(kind, scores[index, kind], center, size)


class FastestDet(_Detector):
    NAME = "fastestdet"

    def sample(self, path: pathlib.Path) -> np.ndarray:
        """[3, 352, 352]: stretched; 0..1."""
        picture = Image.open(path).convert("RGB")
        return _blue_first(picture.resize((352, 352), Image.BILINEAR)) / 255

    def scores(self, answer: np.ndarray) -> np.ndarray:
        """Of [85, 22, 22]: object, offset and size of the box, classes."""
        return answer[:1] ** 0.6 * answer[5:] ** 0.4

    def box(self, answer: np.ndarray, place: int) -> Box:
        scores = self.scores(answer)
        kind, y, x = np.unravel_index(place, scores.shape)
        offset, size = answer[1:3, y, x], answer[3:5, y, x]
        center = (np.array([x, y]) + np.tanh(offset)) / answer.shape[1]
        return _box(kind, scores[kind, y, x], center, 1 / (1 + np.exp(-size)))
