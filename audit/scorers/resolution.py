"""Scorer ``resolution``: how much detail an image holds for its size, and what traces enlarging and coding left."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import PIL
import scipy
from pydantic import Field

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.images import Pixels
from audit.records import Abstained
from audit.scorers.block_traces import blockiness, quantised, seams, stored_quality
from audit.scorers.lattice import GRID, WAVES, lattice_power, lattice_waves
from audit.scorers.resampling_traces import factors, periodicity, repeated
from audit.scorers.resolution_answers import answers
from audit.scorers.spectrum import BINS, Spectra, cut_off, decibels, slope, spectra
from audit.scorers.upsampling import enlargement
from audit.scorers.views import checked_pixels

__all__ = ["BANDS", "SMALLEST", "Resolution"]

LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
"""Weights of ITU-R BT.709 on sRGB-coded samples."""
SMALLEST = 64
"""Pixels a side; smaller images have too few frequencies."""
BANDS = 32
"""Bands of equal width, 0 to .5 cycles per pixel, that ``spectrum`` holds."""
SNAP = 1.45
"""Most that the factor of a period may differ from that of the spectrum to be taken in its place."""
SOFT = 1.1
"""How much larger the spectrum tends to make the factor of the softest kernel (bilinear)."""

Luma = npt.NDArray[np.float32]


class Resolution(Scorer):
    """Effective resolution from the power spectrum, and traces of resampling, tiling and JPEG; no model is involved.

    ``effective_share`` is the side that the detail would fill over the side delivered. It is calibrated on the known
    response of reducing and enlarging an image, so it says which enlargement the image looks like, never that it was
    enlarged: a blurred photograph or a soft drawing looks like one too, and noise added afterwards hides it.
    Codecs and sharpening confound all of this: compare images of one codec.
    """

    source: ClassVar[str] = (
        "periods: after Gallagher 2005, second and first differences; JPEG steps: ITU-T T.81, table K.1; luma: ITU-R BT.709"
    )
    uses_device: ClassVar[bool] = False

    periodicity_above: float = Field(default=6.0, gt=0)
    """Height of a period over nearby frequencies from which an image counts as interpolated."""
    seams_above: float = Field(default=0.8, gt=0)
    """Strength of a grid of jumps from which an image counts as tiled; resized JPEGs keep a grid and may reach it too."""
    jpeg_above: float = Field(default=0.45, gt=0, le=1)
    """Closeness of block frequencies to a JPEG table's steps (1: exact) from which an image counts as a former JPEG."""
    even_below: float = Field(default=0.5, ge=0)
    """Standard deviation of luma, in grey levels, below which an image is one even colour and nothing is said."""

    def columns(self) -> tuple[Column, ...]:
        """Numbers, three labels, the spectrum by band and the waves of a lattice."""
        return (
            Column("effective_share", "number", "Side that the detail would fill / side delivered", "ratio", "higher"),
            Column("effective_side", "number", "Side that the detail would fill, mean of both directions", "px", "higher"),
            Column("cut_off", "number", "Frequency above which the spectrum stays 10 dB below its line", "cycles/px"),
            Column("slope", "number", "Slope of log power over log frequency, .03 to .10 cycles/px; photographs: about -2"),
            Column("periodicity", "number", "Strongest period of neighbouring differences over nearby ones", "ratio"),
            Column("period_factor", "number", "Factor of enlargement that the period belongs to", "ratio"),
            Column("enlargement", "label", "Trace of enlarging", levels=("repeated pixels", "interpolated", "none seen")),
            Column("lattice", "number", "Power at periods of 2 and 4 px over nearby frequencies", "dB"),
            Column("checkerboard", "number", "Amplitude of a checkerboard of single pixels, with sign", "grey levels"),
            Column("seam_strength", "number", "How much the borders of the likeliest grid of tiles are jumps"),
            Column("tile_side", "number", "Side of the tiles whose seams are seen", "px"),
            Column("tile_seams", "label", "Seams between tiles", levels=("tile seams", "none seen")),
            Column("blockiness", "number", "Differences across 8 x 8 blocks over those within; 1: none", "ratio"),
            Column("jpeg_steps", "number", "Closeness of block frequencies to a JPEG table's steps, 0 to 1"),
            Column("jpeg_quality", "number", "Quality of the JPEG file, or of the JPEG that it was, 1 to 100"),
            Column(
                "codec_history", "label", "Whether it is or was a JPEG", levels=("JPEG file", "JPEG before", "none seen")
            ),
            Column("spectrum", "vector", f"Mean power in {BANDS} bands from 0 to .5 cycles/px", "dB"),
            Column("lattice_waves", "vector", "Waves of period 2 and 4 px and those beside them", "grey levels"),
        )

    def numerics(self, device: str) -> dict[str, str]:  # noqa: ARG002
        """Runs on the CPU whatever the device."""
        return {"scipy": scipy.__version__, "numpy": np.__version__, "pillow": PIL.__version__}

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield self._score

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """Noise enlarged by known factors, a JPEG, tiles, a checkerboard, and images of which nothing can be said."""
        return answers(SMALLEST)

    def _score(self, views: Sequence[View]) -> list[list[Row]]:
        return [[Row(self._describe(view))] for view in views]

    def _describe(self, view: View) -> Mapping[str, Value]:
        pixels = checked_pixels(view)
        luma = np.ascontiguousarray(pixels @ LUMA)
        if why := self._unreadable(luma):
            return {**{column.name: Abstained(reason=why) for column in self.columns()}, **self._stored(view)}
        found = spectra(luma[: luma.shape[0] // GRID * GRID, : luma.shape[1] // GRID * GRID])
        return {
            **self._detail(luma, found),
            **_patterns(found),
            **self._tiles(luma),
            **self._coding(pixels, luma),
            **self._stored(view),
            "spectrum": np.asarray(decibels(found.radial).reshape(BANDS, BINS // BANDS).mean(axis=1), dtype=np.float32),
        }

    def _unreadable(self, luma: Luma) -> str:
        if min(luma.shape) < SMALLEST:
            return f"smaller than {SMALLEST} px"
        return "one even colour" if float(luma.std(dtype=np.float64)) < self.even_below else ""

    def _detail(self, luma: Luma, found: Spectra) -> Mapping[str, Value]:
        copied, period = repeated(luma), periodicity(luma)
        seen = period.peak > self.periodicity_above
        factor = enlargement(found.axial)
        origin: Value = _no("no period")
        trace = "interpolated" if seen else "none seen"
        if copied > 1:
            factor, trace = copied, "repeated pixels"
        elif seen and factor > 1:
            nearest = min(factors(period.frequency), key=lambda each: abs(np.log(each * SOFT / factor)))
            factor = nearest if 1 / SNAP < nearest * SOFT / factor < SNAP else factor
        if seen:
            origin = min(factors(period.frequency), key=lambda each: abs(np.log(each / factor)))
        side = float(np.sqrt(luma.shape[0] * luma.shape[1]))
        return {
            "effective_share": 1 / factor,
            "effective_side": side / factor,
            "cut_off": cut_off(found.radial),
            "slope": slope(found.radial)[0],
            "periodicity": period.peak,
            "period_factor": origin,
            "enlargement": trace,
        }

    def _tiles(self, luma: Luma) -> Mapping[str, Value]:
        found = seams(luma)
        seen = found.strength > self.seams_above
        side: Value = float(found.period) if seen else _no("no seams seen")
        label = "tile seams" if seen else "none seen"
        return {"seam_strength": found.strength, "tile_side": side, "tile_seams": label}

    def _coding(self, pixels: Pixels, luma: Luma) -> Mapping[str, Value]:
        found = quantised(pixels)
        if found is None:
            few = _no("too few frequencies differ from 0")
            return {"blockiness": blockiness(luma), "jpeg_steps": few, "jpeg_quality": few, "codec_history": few}
        seen = found.comb > self.jpeg_above
        return {
            "blockiness": blockiness(luma),
            "jpeg_steps": found.comb,
            "jpeg_quality": float(found.quality) if seen else _no("no trace of a JPEG"),
            "codec_history": "JPEG before" if seen else "none seen",
        }

    def _stored(self, view: View) -> Mapping[str, Value]:
        """What the stored file says of itself, where it is a JPEG."""
        if not view.codec.startswith("jpeg"):
            return {}
        quality = stored_quality(view.file())
        said: Value = _no("the file's tables cannot be read") if quality is None else quality
        return {"jpeg_quality": said, "codec_history": "JPEG file"}


def _patterns(found: Spectra) -> Mapping[str, Value]:
    width = 2 * (found.plane.shape[1] - 1)
    waves = lattice_waves(found.plane, width, found.window_sum)
    board = waves.reshape(len(WAVES), -1, 2)[WAVES.index((2, 2)), 0, 0]
    return {"lattice": lattice_power(waves), "checkerboard": float(board), "lattice_waves": waves}


def _no(reason: str) -> Abstained:
    return Abstained(reason=reason)
