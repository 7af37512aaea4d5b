"""A sheet to draw on with matplotlib, and its clean SVG for the inside of a page.

Sheets are laid out in pixels, top down, at the width of a phone. Colours are named: the SVG refers to the page's CSS
variables, so that one chart serves light, dark and print. Text stays text, set by the browser in the page's font.
"""

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

__all__ = ["SERIES", "WIDTH", "Colour", "Scale", "Sheet"]

WIDTH = 344.0
"""Pixels: a phone of 390 less its margins. Wider columns scale the drawing up; a wider drawing scrolls."""

Colour = Literal["ink", "ink-2", "rule", "track", "band", "card", "s1", "s2", "s3", "s4", "s5", "s6", "low"]
SERIES: tuple[Colour, ...] = ("s1", "s2", "s3", "s4", "s5", "s6")

# matplotlib knows no CSS variables: each colour is drawn as a code of its own and renamed in the finished SVG
CODES: dict[str, str] = {name: f"#0{index:02x}0{index:02x}" for index, name in enumerate(get_args(Colour), start=1)}
NAMES = {code: f"var(--{name})" for name, code in CODES.items()}

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "imgaudit",
    "text.parse_math": False,
    "path.simplify": False,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
LONG_DECIMALS = re.compile(r"-?\d+\.\d{2,}")
REFERENCE = re.compile(r"#([\w.-]+)")

Anchor = Literal["left", "center", "right"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels along one direction."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float, *, room: float = 0.04) -> "Scale":
        """A scale that holds all values with a little room; of one single value, with the value in the middle."""
        low, high = min(values), max(values)
        margin = (high - low) * room or max(abs(high), 1e-9) * 0.5
        return cls(low - margin, high + margin, start, end)

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round values inside the scale."""
        found = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(self.low, self.high)
        return [float(tick) for tick in found if self.low <= tick <= self.high]


class Sheet:
    """A drawing of fixed pixel size with the origin at the top left."""

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.size = (width, height)
        self._figure = Figure(figsize=(width / 72, height / 72), dpi=72)
        FigureCanvasSVG(self._figure)
        self._figure.patch.set_visible(False)
        # artists stand on the figure itself: axes, with their ticks and limits, would double the time
        self._pixels = Affine2D().scale(1, -1).translate(0, height)

    def _put(self, artist: Artist) -> None:
        artist.set_transform(self._pixels)
        artist.set_clip_on(False)
        self._figure.add_artist(artist)

    def text(
        self, at: tuple[float, float], text: str, colour: Colour = "ink", *, anchor: Anchor = "left", size: float = 12.0
    ) -> None:
        """One line of text with its baseline at the point."""
        look: dict[str, Any] = {"color": CODES[colour], "ha": anchor, "va": "baseline", "fontsize": size}
        self._put(Text(*at, text, parse_math=False, **look))

    def slanted(self, at: tuple[float, float], text: str) -> None:
        """One line of text that rises to the right from the point."""
        look: dict[str, Any] = {"color": CODES["ink-2"], "fontsize": 11, "va": "baseline"}
        self._put(Text(*at, text, rotation=40, rotation_mode="anchor", parse_math=False, **look))

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: Colour,
        *,
        width: float = 1.0,
        dashes: tuple[float, ...] = (),
    ) -> None:
        """A line through points, solid or with on-off dashes in pixels."""
        xs, ys = [x for x, _ in points], [y for _, y in points]
        line = Line2D(xs, ys, color=CODES[colour], lw=width, solid_capstyle="butt")
        if dashes:
            line.set_linestyle((0, tuple(step / width for step in dashes)))
        self._put(line)

    def dot(self, at: tuple[float, float], colour: Colour, *, shape: str = "o", size: float = 8.0) -> None:
        """A marker with a rim in the colour of the paper, so that it stands off lines beneath it."""
        rim: dict[str, Any] = {"markeredgecolor": CODES["card"], "markeredgewidth": 1.2}
        self._put(Line2D([at[0]], [at[1]], marker=shape, ms=size, color=CODES[colour], ls="none", **rim))

    def hollow(self, at: tuple[float, float], colour: Colour, *, shape: str = "D", size: float = 9.0) -> None:
        """The outline of a marker, with a halo in the colour of the paper; what lies in the same place shows through."""
        for width, edge in ((3.6, CODES["card"]), (1.6, CODES[colour])):
            look: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": edge, "markeredgewidth": width}
            self._put(Line2D([at[0]], [at[1]], marker=shape, ms=size, ls="none", **look))

    def box(self, corner: tuple[float, float], size: tuple[float, float], colour: Colour, *, opacity: float = 1.0) -> None:
        """A filled rectangle from its top left corner."""
        self._put(Rectangle(corner, *size, fc=CODES[colour], lw=0, alpha=opacity))

    def outline(self, corner: tuple[float, float], size: tuple[float, float], colour: Colour) -> None:
        """The dashed outline of a rectangle."""
        self._put(Rectangle(corner, *size, fill=False, ec=CODES[colour], ls=(0, (2, 2))))

    def bar(self, corner: tuple[float, float], size: tuple[float, float], colour: Colour) -> None:
        """A rectangle with slightly rounded corners; nothing where it has no width."""
        radius = min(2.5, size[0] / 2, size[1] / 2)
        if radius > 0:
            style = f"round,pad=0,rounding_size={radius}"
            self._put(FancyBboxPatch(corner, *size, boxstyle=style, fc=CODES[colour], lw=0))

    def area(self, points: Sequence[tuple[float, float]], colour: Colour, *, opacity: float) -> None:
        """A filled polygon."""
        self._put(Polygon(points, fc=CODES[colour], alpha=opacity, lw=0))

    def svg(self, name: str, title: str, summary: str) -> str:
        """The drawing as inline SVG with a title and a description, all ids beginning with ``name``."""
        buffer = io.BytesIO()
        with mpl.rc_context(SETTINGS), warnings.catch_warnings():
            # the browser sets the text in its own fonts, so a glyph that matplotlib's font lacks does not matter
            warnings.filterwarnings("ignore", message="(?s).*[Gg]lyph.*missing from")
            self._figure.savefig(buffer, format="svg", metadata=NO_METADATA)
        root = ElementTree.fromstring(buffer.getvalue())  # noqa: S314 - written by matplotlib a moment ago
        _tidy(root)
        _rename(root, name)
        return ElementTree.tostring(_labelled(root, name, (title, summary)), encoding="unicode")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _tidy(root: ElementTree.Element) -> None:
    """Drop name spaces, style sheets (they would restyle the page) and needless digits."""
    for element in list(root.iter()):
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _plain(_local(key), value) for key, value in element.attrib.items()}
        element.text = element.text if element.tag == "text" else None
        element.tail = None
        for child in list(element):
            if _local(child.tag) in ("metadata", "style"):
                element.remove(child)
        if element.attrib.get("transform", "").startswith("rotate(0 "):
            del element.attrib["transform"]


def _plain(key: str, value: str) -> str:
    if key == "style":
        value = re.sub(r"font-family:[^;]*;? ?", "", value)
        value = re.sub(r"#[0-9a-f]{6}", lambda code: NAMES.get(code[0], code[0]), value)
    if key in ("d", "x", "y", "transform", "points"):
        value = LONG_DECIMALS.sub(lambda digits: f"{float(digits[0]):.1f}".removesuffix(".0"), value)
        value = " ".join(value.split()).replace("rotate(-0 ", "rotate(0 ")
    return value


def _rename(root: ElementTree.Element, name: str) -> None:
    """Keep only ids that something refers to, and make them the page's own."""
    used = {
        found
        for element in root.iter()
        for key, value in element.attrib.items()
        if key == "href" or "url(" in value
        for found in REFERENCE.findall(value)
    }
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in used:
            element.attrib["id"] = f"{name}-{own}"
        for key, value in element.attrib.items():
            if key == "href" or "url(" in value:
                element.attrib[key] = REFERENCE.sub(rf"#{name}-\1", value)


def _labelled(root: ElementTree.Element, name: str, words: tuple[str, str]) -> ElementTree.Element:
    width, height = root.attrib["viewBox"].split()[2:]
    labelled = ElementTree.Element(
        "svg",
        {
            "class": "chart",
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-labelledby": f"{name}-title {name}-desc",
        },
    )
    if float(width) > WIDTH:
        labelled.attrib["style"] = f"--least: {0.9 * float(width):.0f}px"
    for tag, text in zip(("title", "desc"), words, strict=True):
        ElementTree.SubElement(labelled, tag, {"id": f"{name}-{tag}"}).text = text
    labelled.extend(root)
    return labelled
