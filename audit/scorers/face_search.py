"""The links of the face finder's chain: CenterFace over the whole image, over its detail, and dlib's HOG detector."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import dlib
import numpy as np
import numpy.typing as npt
from PIL import Image

from audit.images import Pixels
from audit.scorers.face_pose import Box, Pose

if TYPE_CHECKING:
    from audit.scorers.onnx_session import Floats

__all__ = [
    "CHANNELS",
    "MULTIPLE",
    "ROUND",
    "STRIDE",
    "Candidate",
    "CenterFace",
    "Hog",
    "Link",
    "Sized",
    "distinct",
]

T = TypeVar("T")

CHANNELS = (1, 2, 2, 10)
"""Of CenterFace's maps: how likely a face's middle is here, logarithm of its size, place within the cell, five points."""
STRIDE = 4
"""Pixels of a picture to a cell of the maps."""
MULTIPLE = 32
"""Widths and heights that the network takes are multiples of this."""
LONGEST = 4096
"""Long side, in pixels, to which a picture is enlarged or left at most; further, a thin one would fill the memory."""
ROUND = {"cpu": 2**18, "cuda": 2**21}
"""Pixels that the network sees together, unless one picture has more: a processor is fastest where they fit its cache.
Beside which others a picture is seen changes its numbers by rounding at most."""
PREPARED = 8
"""Pictures that are prepared side by side, at least."""
MOST = 1000
"""Faces kept of one picture, the likeliest."""
SAME, INSIDE = 0.3, 0.6
"""Shares of two boxes' union, and of the smaller box, that overlap in boxes of one face."""
LARGEST_LOG = 7.0
"""e to this, in cells: a size beyond any picture. A damaged model may give more."""
HOG_SIDES = (256, 512)
"""Short sides to which a picture is enlarged or reduced for the HOG detector, whose smallest face has 80 pixels."""
HOG_BORDER = 0.25
"""Repeated border, as a share of the short side: the detector misses faces that touch the border otherwise."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that a link took for a face."""

    box: Box
    score: float
    pose: Pose
    link: str


Link = Callable[[Sequence[Pixels], Executor], list[list[Candidate]]]
"""Searches pictures; gives the candidates of each, the likeliest first."""


def distinct(known: Sequence[Candidate], more: Iterable[Candidate]) -> list[Candidate]:
    """Those known and those of more that are no second box of one before them."""
    kept = list(known)
    boxes = np.array([one.box for one in kept], dtype=np.float64).reshape(-1, 4)
    for candidate in more:
        if not _same(boxes, np.array(candidate.box)).any():
            kept.append(candidate)
            boxes = np.vstack([boxes, candidate.box])
    return kept


def _same(boxes: npt.NDArray[np.float64], box: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    sides = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None)
    both = sides.prod(axis=1)
    areas, area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), float((box[2:] - box[:2]).prod())
    same: npt.NDArray[np.bool_] = (both > SAME * (areas + area - both)) | (both > INSIDE * np.minimum(areas, area))
    return same


# ------------------------------------------------------------------------------------------------- CenterFace


@dataclass(frozen=True, slots=True)
class Sized:
    """A picture's size as the network sees it."""

    scale: tuple[float, float]
    inner: tuple[int, int]
    """Width and height of the picture in it."""

    @classmethod
    def of(cls, pixels: Pixels, scale: float) -> "Sized":
        """At this scale; each side is rounded to whole pixels."""
        height, width = pixels.shape[:2]
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        return cls((inner[0] / width, inner[1] / height), inner)

    @property
    def outer(self) -> tuple[int, int]:
        """Height and width of what the network is given."""
        height, width = (-(-side // MULTIPLE) * MULTIPLE for side in self.inner[::-1])
        return height, width

    def prepared(self, pixels: Pixels) -> "Floats":
        """The picture at its size, its last rows and columns repeated to whole cells: (3, height, width), 0 to 255."""
        if self.inner != (pixels.shape[1], pixels.shape[0]):
            pixels = np.asarray(Image.fromarray(pixels).resize(self.inner, Image.Resampling.BICUBIC))
        room = [(0, outer - inner) for outer, inner in zip(self.outer, self.inner[::-1], strict=True)]
        return np.pad(pixels, (*room, (0, 0)), mode="edge").transpose(2, 0, 1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class CenterFace:
    """CenterFace at one scale of each picture; pictures of equal size are seen together."""

    run: Callable[["Floats"], list["Floats"]]
    """(n, 3, height, width) to maps of ``CHANNELS``."""
    scale: Callable[[Pixels], float | None]
    """How much a picture is enlarged for the search; None: it is not searched."""
    threshold: float
    link: str
    together: int = ROUND["cpu"]
    """Pixels that the network sees together."""

    def __call__(self, images: Sequence[Pixels], pool: Executor) -> list[list[Candidate]]:
        """Candidates of each picture."""
        found: list[list[Candidate]] = [[] for _ in images]
        groups: dict[tuple[int, int], list[tuple[int, Sized]]] = {}
        for place, pixels in enumerate(images):
            scale = self.scale(pixels)
            if scale is not None:
                sized = Sized.of(pixels, min(scale, LONGEST / max(pixels.shape[:2])))
                groups.setdefault(sized.outer, []).append((place, sized))
        for (height, width), members in groups.items():
            rows = max(1, self.together // (height * width))
            for part in _parts(members, rows * -(-PREPARED // rows)):
                frames = list(pool.map(lambda one: one[1].prepared(images[one[0]]), part))
                for few in _parts(list(zip(part, frames, strict=True)), rows):
                    maps = self.run(np.stack([frame for _, frame in few]))
                    for row, ((place, sized), _) in enumerate(few):
                        found[place] = self._faces([one[row] for one in maps], sized)
        return found

    def _faces(self, maps: Sequence["Floats"], sized: Sized) -> list[Candidate]:
        """Boxes and points of the cells above the threshold, in pixels of the picture as it was delivered."""
        likely, sizes, places, points = maps
        y, x = np.nonzero(likely[0] >= self.threshold)
        order = np.argsort(-likely[0, y, x], kind="stable")[:MOST]
        y, x = y[order], x[order]
        height, width = np.exp(np.minimum(sizes[:, y, x], LARGEST_LOG)) * STRIDE
        top = (y + places[0, y, x] + 0.5) * STRIDE - height / 2
        left = (x + places[1, y, x] + 0.5) * STRIDE - width / 2
        five = points[:, y, x].reshape(5, 2, -1)
        across, down = sized.scale
        marks = (five[:, 1] * width + left) / across + 1j * (five[:, 0] * height + top) / down
        edges = np.stack([left / across, top / down, (left + width) / across, (top + height) / down], axis=1)
        scores = likely[0, y, x]
        usable = np.isfinite(edges).all(axis=1) & np.isfinite(marks).all(axis=0)
        return distinct(
            (),
            (
                Candidate(_box(edges[i]), float(scores[i]), Pose.of_points(marks[:, i]), self.link)
                for i in np.nonzero(usable)[0]
            ),
        )


def _parts(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _box(edges: "Floats") -> Box:
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right, bottom


# -------------------------------------------------------------------------------------------------------- HOG


@dataclass(frozen=True, slots=True)
class Hog:
    """dlib's frontal HOG detector: it also takes plain drawings for faces, which networks of photographs do not."""

    threshold: float
    link: str
    _local: threading.local = field(default_factory=threading.local)

    def __call__(self, images: Sequence[Pixels], pool: Executor) -> list[list[Candidate]]:
        """Candidates of each picture; dlib works outside the interpreter lock."""
        return list(pool.map(self._faces, images))

    def _faces(self, pixels: Pixels) -> list[Candidate]:
        # A detector keeps buffers of the image that it looks at, so each thread has its own.
        if not hasattr(self._local, "detector"):
            self._local.detector = dlib.get_frontal_face_detector()
        short, long = min(pixels.shape[:2]), max(pixels.shape[:2])
        sized = Sized.of(pixels, min(min(max(short, HOG_SIDES[0]), HOG_SIDES[1]) / short, LONGEST / long))
        if sized.inner != (pixels.shape[1], pixels.shape[0]):
            pixels = np.asarray(Image.fromarray(pixels).resize(sized.inner, Image.Resampling.BICUBIC))
        border = round(HOG_BORDER * min(sized.inner))
        padded = np.pad(pixels, ((border, border), (border, border), (0, 0)), mode="edge")
        boxes, scores, _ = self._local.detector.run(padded, 0, self.threshold)
        return [
            Candidate(box, float(score), Pose.of_square(box), self.link)
            for box, score in zip((_unframed(found, border, sized) for found in boxes), scores, strict=True)
        ]


def _unframed(box: "dlib.rectangle", border: int, sized: Sized) -> Box:
    """In pixels of the picture as it was delivered; dlib's right and bottom pixels belong to the box."""
    left, right = ((x - border) / sized.scale[0] for x in (box.left(), box.right() + 1))
    top, bottom = ((y - border) / sized.scale[1] for y in (box.top(), box.bottom() + 1))
    return left, top, right, bottom
