"""Small, blurred copies of images for the inside of a page, and links to the sharp ones."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from PIL import Image

from audit.component import Audited
from audit.digest import short
from audit.images import Pixels, blur, thumbnail
from audit.panels import Pairs
from reports.wording import clean, clip

__all__ = ["Album", "Blur", "Page", "Pair", "PairPage", "Thumbnail", "safe_link"]

Blur = Literal["faces", "all", "none"]

SIDE = 128
QUALITY = 74
MOST_IN_ALL = 240
"""Different images in one file, about a megabyte."""

STATES: dict[Blur, str] = {"faces": "faces blurred", "all": "blurred", "none": ""}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One image of a gallery."""

    data: str
    """A data URI; empty where the image is not to be had."""
    size: tuple[int, int]
    """Width and height of the small copy."""
    caption: str
    alternative: str
    """What a screen reader says."""
    link: str
    """Relative link to the stored image; empty where there is none."""
    blurred: bool = False
    """The link leads to an image that shows more than the copy does."""
    gone: str = ""
    """Why there is no copy, in a word or two."""

    @property
    def outside(self) -> bool:
        """The link leads out of the run folder."""
        return self.link.startswith("../")


@dataclass(frozen=True, slots=True)
class Page:
    """One gallery as the page shows it."""

    title: str
    summary: str
    images: tuple[Thumbnail, ...]
    left_out: str
    """How many images are not shown, in words; empty where all are."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images side by side."""

    left: Thumbnail
    right: Thumbnail
    caption: str


@dataclass(frozen=True, slots=True)
class PairPage:
    """Pairs as the page shows them."""

    title: str
    summary: str
    left: str
    right: str
    pairs: tuple[Pair, ...]
    left_out: str

    @property
    def images(self) -> tuple[Thumbnail, ...]:
        """All images of it."""
        return tuple(image for pair in self.pairs for image in (pair.left, pair.right))


class Album:
    """Makes galleries within a limit for each and a limit for the file; each image is blurred and encoded once."""

    def __init__(self, audited: Audited, blurring: Blur, most: int) -> None:
        self._audited = audited
        self._blurring: Blur = blurring
        self._most = most
        self._made: dict[str, tuple[str, tuple[int, int]]] = {}

    def page(self, title: str, summary: str, images: Iterable[tuple[str, str]]) -> Page:
        """A gallery of (image digest, caption) pairs."""
        wanted = list(images)
        shown = [self._one(image, caption) for image, caption in wanted[: self._most] if self._has_room(image)]
        missing = len(wanted) - len(shown)
        left_out = (
            f"{len(shown)} of {len(wanted):,} images are shown here; findings.json names the rest." if missing else ""
        )
        return Page(title, summary, tuple(shown), left_out)

    def pairs(self, panel: Pairs) -> PairPage:
        """Images beside others, each by the rule of all; half as many pairs as a gallery has images."""
        shown = []
        for (left, right), caption in zip(panel.pairs[: (self._most + 1) // 2], panel.captions, strict=False):
            if self._has_room(left) and self._has_room(right):
                said = clip(clean(caption), 200)
                sides = (self._one(left, f"{panel.left}: {said}"), self._one(right, f"{panel.right}: {said}"))
                shown.append(Pair(*sides, said))
        missing = len(panel.pairs) - len(shown)
        left_out = f"{len(shown)} of {len(panel.pairs):,} pairs are shown here; findings.json names the rest."
        return PairPage(panel.title, panel.summary, panel.left, panel.right, tuple(shown), left_out if missing else "")

    def _has_room(self, image: str) -> bool:
        return image in self._made or len(self._made) < MOST_IN_ALL

    def _one(self, image: str, caption: str) -> Thumbnail:
        if image not in self._made:
            self._made[image] = self._encode(image)
        data, size = self._made[image]
        said = clip(clean(caption), 200) or f"image {short(image)}"
        gone = "" if data else self._gone
        state = gone or STATES[self._blurring]
        link = safe_link(self._audited.link(image)) if data else ""
        blurred = bool(data) and self._blurring != "none"
        return Thumbnail(data, size, said, f"{said} ({state})" if state else said, link, blurred, gone)

    @property
    def _gone(self) -> str:
        """After a purge, images outside the run are where they were: they are only not shown."""
        return "no longer shown" if self._audited.purges and self._audited.outside else "no longer stored"

    def _encode(self, image: str) -> tuple[str, tuple[int, int]]:
        pixels = self._audited.image(image)
        if pixels is None:
            return "", (SIDE, SIDE)
        small = thumbnail(self._covered(pixels, image), SIDE)
        buffer = io.BytesIO()
        Image.fromarray(small).save(buffer, format="JPEG", quality=QUALITY, optimize=True)
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        return f"data:image/jpeg;base64,{encoded}", (small.shape[1], small.shape[0])

    def _covered(self, pixels: Pixels, image: str) -> Pixels:
        """Blurred before it is shrunk. No box, or no detector, blurs the whole image: detectors miss faces."""
        match self._blurring:
            case "none":
                return pixels
            case "all":
                return blur(pixels, None)
            case "faces":
                return blur(pixels, self._audited.faces(image))


def safe_link(link: str) -> str:
    """The link where it is a plain relative one; empty where it has a scheme or a host, or is rooted."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return ""
    rooted = link.startswith(("/", "\\")) or any(ord(char) <= 0x20 for char in link)
    return "" if rooted or parts.scheme or parts.netloc else link
