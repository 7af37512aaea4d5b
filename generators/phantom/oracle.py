"""Scorer ``phantom_oracle``: what a picture of the phantom shows, read twice by networks that share nothing."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor, nn

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Scorer, Value, View
from audit.digest import digest, file_digest
from audit.errors import InputError, WeightsError, WeightsMissing
from audit.images import Pixels
from audit.model_files import torch_device
from audit.model_files.weight_files import fit, read_weights
from audit.records import Abstained
from audit.scorers.views import checked_pixels
from generators.phantom.decoding import (
    ATTRIBUTES,
    NOBODY,
    SIDE,
    Decoded,
    Seen,
    Thresholds,
    decode,
    disagreement,
    levels,
    skin_colours,
    tone_shares,
    white_frame,
)
from generators.phantom.oracle_networks import FirstNetwork, SecondNetwork, split
from generators.phantom.render import render
from generators.phantom.sampling import sample
from generators.phantom.truth import preset

__all__ = ["FILES", "Oracle", "PhantomOracle", "Reading", "at_side"]

SHIPPED = Path(__file__).parent / "models" / "oracle"
FILES = ("first.safetensors", "second.safetensors", "thresholds.json")
ROWS = 64
"""Pictures that the networks see together; no number depends on it beyond float32 rounding."""
TITLES = {
    "people": "People in the drawing",
    "occupation": "Occupation that the drawing shows",
    "perceived_presentation": "Perceived presentation of the drawn person",
    "perceived_age_band": "Perceived age band of the drawn person",
    "monk_tone": "Perceived skin tone of the drawn person, Monk scale",
    "hair": "Hair of the drawn person",
    "glasses": "The drawn person wears glasses",
    "mobility_aid": "The drawn person uses a wheelchair",
    "tone_band": "Perceived skin tone of the drawn person: Monk 1-4, 5-7, 8-10",
}
RENDERS = 64
"""Pictures of the known-answer check."""
WRONG, UNREAD = 0.001, 0.0051
"""Upper ends for unchanged renders in ``models/oracle/README.md``: the worst of all attributes."""
NOTHING_READ = Abstained(reason="the first decoder read nothing to compare")

Floats = npt.NDArray[np.float64]
Network = Callable[[Tensor], tuple[Tensor, Tensor | None]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One picture, read twice."""

    first: Decoded
    second: Decoded
    """The second decoder's best guess: it abstains only where it finds nobody or no intact picture."""


class Oracle:
    """Both decoders on a device.

    The first, a residual network, decides what is reported; its opinion of the skin tone is joined with the measured
    colour of the skin that it finds, under the light of the white frame. The second, a network of another kind trained
    on other pictures, only bounds the first one's error.
    """

    def __init__(self, first: nn.Module, second: nn.Module, thresholds: dict[str, Thresholds], device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._first, self._second = (_placed(network, self._device) for network in (first, second))
        self._thresholds = thresholds

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> "Oracle":
        """Read the weights and thresholds of a folder.

        Raises:
            WeightsMissing: a file is not there.
            WeightsError: a file does not fit the networks.
        """
        require(folder)
        first, second = (
            fit(network, {name: value.float() for name, value in read_weights(folder / file).items()}, str(folder / file))
            for network, file in ((FirstNetwork(), FILES[0]), (SecondNetwork(), FILES[1]))
        )
        return cls(first, second, _thresholds(folder / FILES[2]), device)

    def __call__(self, images: Sequence[Pixels]) -> list[Reading]:
        """Read pictures of any size, each alone."""
        readings: list[Reading] = []
        for start in range(0, len(images), ROWS):
            pixels = np.stack([at_side(image) for image in images[start : start + ROWS]])
            first, second = self.see(pixels)
            decoded = decode(first, self._thresholds["first"]), decode(second, self._thresholds["second"])
            readings.extend(map(Reading, *decoded))
        return readings

    def see(self, pixels: Pixels) -> tuple[Seen, Seen]:
        """What both networks say of pictures (n, 64, 64, 3), before any threshold."""
        _, frame_spread = white_frame(pixels)
        planes = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2)
        planes = planes.to(torch.float32, memory_format=torch.channels_last)
        with torch.inference_mode(), torch_device.memory_errors(len(pixels)):
            seen = [_seen(network, planes, frame_spread) for network in (self._first, self._second)]
        (first, skin), (second, _) = seen
        assert skin is not None
        colours, found = skin_colours(pixels, skin.double().sigmoid().cpu().numpy())
        own = first.heads["monk_tone"]
        tones = np.where(found[:, None], tone_shares(own, colours, self._thresholds["first"].tone_spread), own)
        return Seen(first.intact, frame_spread, {**first.heads, "monk_tone": tones}), second


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    return network.eval().to(device, torch.float32).to(memory_format=torch.channels_last)


def _seen(network: Network, planes: Tensor, frame_spread: Floats) -> tuple[Seen, Tensor | None]:
    outputs, skin = network(planes)
    heads, intact, _ = split(outputs.double())
    shares = {name: logits.softmax(dim=1).cpu().numpy() for name, logits in heads.items()}
    return Seen(intact.sigmoid().cpu().numpy(), frame_spread, shares), skin


def at_side(image: Pixels) -> Pixels:
    """Bring a picture to 64 x 64: averaged over areas where it is larger, bicubic where it is smaller."""
    height, width = image.shape[:2]
    if (height, width) == (SIDE, SIDE):
        return image
    kernel = Image.Resampling.BOX if min(height, width) >= SIDE else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(image).resize((SIDE, SIDE), kernel))


def require(folder: Path) -> None:
    """See that the oracle's files are there.

    Raises:
        WeightsMissing: names the first one that is not, and what brings it.
    """
    absent = next((file for file in FILES if not (folder / file).is_file()), None)
    if absent:
        raise WeightsMissing(
            f"{folder / absent}: no such file; expected the oracle's {', '.join(FILES)}; install imgaudit anew, or train "
            f"them with python -m training.phantom.oracle --out {folder}"
        )


def _thresholds(path: Path) -> dict[str, Thresholds]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: Thresholds.model_validate(found[name]) for name in ("first", "second")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        told = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise WeightsError(
            f"{path}: not the thresholds of both decoders ({told}); expected 'first' and 'second'"
        ) from error


class PhantomOracle(Scorer):
    """What a drawing of the phantom shows, with abstentions, and how far two independent decoders agree.

    It reads drawings: renders of the phantom, and samples of models that were trained on it. Of a photograph it
    says nothing: without the drawing's white frame every attribute abstains. No attribute is that of a person; all of
    them are how a drawn figure is meant to be perceived.

    ``disagreement`` is the share of the attributes read in this picture that the second decoder reads otherwise; its mean
    over pictures bounds the oracle's error as far as the two do not err alike.
    """

    infers_people: ClassVar[bool] = True  # of drawn figures only, but a folder may hold anything
    source: ClassVar[str] = "trained on renders of the phantom, see generators/phantom/models/oracle/README.md"

    weights: Path | None = None
    """Folder with other weights of the same networks; None: those that come with the package."""

    def columns(self) -> tuple[Column, ...]:
        """One label for each attribute, whether the picture is intact, and the disagreement."""
        labels = (Column(name, "label", TITLES[name], levels=names) for name, names in ATTRIBUTES.items())
        return (
            *labels,
            Column("intact", "number", "Probability that the drawing is unbroken", better="higher"),
            Column("disagreement", "number", "Share of attributes that a second decoder reads otherwise", better="lower"),
        )

    @property
    def folder(self) -> Path:
        """Where the weights lie."""
        return self.weights or SHIPPED

    def fingerprint(self) -> str:
        """Digest of the weights and thresholds."""
        require(self.folder)
        return digest([file_digest(self.folder / file) for file in FILES])

    def numerics(self, device: str) -> dict[str, str]:
        """Torch, precision and how a picture of another size is read."""
        resize = f"to {SIDE} x {SIDE}: Pillow box where larger, bicubic where smaller, uint8"
        return torch_device.runtime(device) | {"resize": resize}

    def check(self) -> None:
        """See that the files are there."""
        if self.weights and not self.weights.is_dir():
            raise InputError(f"{self.weights}: no such folder; expected one with {', '.join(FILES)}")
        require(self.folder)

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """What renders of the table ``even`` were made to show, within the errors that its card promises."""
        portraits = [sample(preset("even"), np.random.default_rng(seed)).shown for seed in range(RENDERS)]
        shown = [levels(portrait) for portrait in portraits]
        expected = {name: tuple(one.get(name, NOBODY) for one in shown) for name in ATTRIBUTES}
        pictures = tuple(render(portrait, SIDE).pixels for portrait in portraits)
        return (KnownAnswer("renders of the phantom", pictures, expected, wrong=WRONG, unread=UNREAD),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Load both networks onto the device."""
        torch_device.exact_arithmetic()
        held = [Oracle.load(self.folder, device)]
        try:
            yield lambda views: _rows(views, held[0])
        finally:
            held.clear()  # the function that was yielded may outlive this; the networks must not
            torch_device.release(device)


def _rows(views: Sequence[View], oracle: Oracle) -> list[list[Row]]:
    return [[Row(_values(reading))] for reading in oracle([checked_pixels(view) for view in views])]


def _values(reading: Reading) -> dict[str, Value]:
    differs = disagreement(reading.first, reading.second)
    return {
        **reading.first.attributes,
        "intact": reading.first.intact,
        "disagreement": NOTHING_READ if differs is None else differs,
    }
