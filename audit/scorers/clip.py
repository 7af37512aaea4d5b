"""Scorer ``clip``: how close an image is to its prompt, and the image's vector, by any CLIP model of open_clip."""

import os
from collections.abc import Iterator, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from audit.component import Column, KnownAnswer, Row, ScoreBatch, Value, View
from audit.model_files import torch_device
from audit.records import Abstained, TextPrompt
from audit.scorers.clip_model import ClipModel, Text, UsesClip, load_clip
from audit.scorers.views import checked_pixels

__all__ = ["Clip"]

MOST_THREADS = 8
NO_TEXT = Abstained(reason="no text prompt")
NOT_FINITE = Abstained(reason="the network gave numbers that are not finite")


class Clip(UsesClip):
    """Cosine of image and prompt, and the image's unit vector.

    The cosine is raw, -1 to 1: a metric makes the published views of it (2.5 x or 100 x, cut at 0). A prompt that is longer
    than the model's context loses its tail, never its end token; ``tokens`` and ``truncated`` say so for each image. Each
    distinct prompt is encoded once a run.
    """

    subject: ClassVar[Literal["image", "draw"]] = "draw"
    source: ClassVar[str] = "Radford et al. 2021; CLIP-score: Hessel et al. 2021; implementation: open_clip"

    def columns(self) -> tuple[Column, ...]:
        """All of the whole image."""
        return (
            Column("vector", "vector", "CLIP vector of the image, unit norm"),
            Column("space", "label", "Model that the vector belongs to, with its digest", exact=True),
            Column("cosine", "number", "Cosine of image and prompt, -1 to 1", better="higher"),
            Column("tokens", "number", "Tokens of the prompt before truncation, start and end included", unit="tokens"),
            Column(
                "truncated",
                "label",
                "Whether the model saw only the beginning of the prompt",
                levels=("yes", "no"),
                exact=True,
            ),
        )

    def known_answers(self) -> tuple[KnownAnswer, ...]:
        """A short prompt fits into any model's context; without a prompt there is nothing to compare with."""
        grey = np.full((64, 64, 3), 128, dtype=np.uint8)
        expected = {"truncated": ("no", NO_TEXT)}
        return (KnownAnswer("a prompt of two words, no prompt", (grey, grey), expected, prompts=("a person", "")),)

    @contextmanager
    def open(self, device: str) -> Iterator[ScoreBatch]:
        """Load both towers."""
        with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="clip") as pool:
            held = [load_clip(self, device, pool)]
            space = self.space()
            texts: dict[str, Text] = {}
            try:
                yield lambda views: _score(views, held[0], texts, space)
            finally:
                held.clear()  # the function that was yielded may outlive this; the model must not
                torch_device.release(device)


def _score(views: Sequence[View], clip: ClipModel, texts: MutableMapping[str, Text], space: str) -> list[list[Row]]:
    # Equal images of several prompts, as in a folder with a table of captions, are encoded once.
    distinct = {view.image: checked_pixels(view) for view in views}
    vectors = dict(zip(distinct, clip.images(list(distinct.values())), strict=True))
    prompts = [_prompt(view) for view in views]
    new = [text for text in dict.fromkeys(prompts) if text and text not in texts]
    if new:
        texts.update(zip(new, clip.texts(new), strict=True))
    return [
        [Row(_values(vectors[view.image], texts.get(prompt), space))] for view, prompt in zip(views, prompts, strict=True)
    ]


def _prompt(view: View) -> str:
    """The prompt; empty where the condition has none, or nothing but white space."""
    condition = view.probe.condition
    return condition.text if isinstance(condition, TextPrompt) and condition.text.strip() else ""


def _values(vector: npt.NDArray[np.float32], text: Text | None, space: str) -> dict[str, Value]:
    finite = bool(np.isfinite(vector).all())
    cosine: Value = NO_TEXT
    if text is not None:
        # In float64, because unit vectors of float32 are off unit length by up to 1e-7.
        product = float(vector.astype(np.float64) @ text.vector.astype(np.float64))
        cosine = min(1.0, max(-1.0, product)) if np.isfinite(product) else NOT_FINITE
    return {
        "vector": vector if finite else NOT_FINITE,
        "space": space,
        "cosine": cosine,
        "tokens": NO_TEXT if text is None else float(text.tokens),
        "truncated": NO_TEXT if text is None else "yes" if text.truncated else "no",
    }
