"""What an audit costs beyond drawing and scoring: the whole of it against the bare loops of the same models.

    python -m benchmarks.overhead [--images 384] [--repeat 3] [--device cuda] [--threads 2]

In one process, in turn, each with its own loading of weights:

- draw: a small Stable Diffusion of diffusers, called batch by batch, nothing kept;
- score: the scorers, called chunk by chunk on the drawn images in memory, nothing kept;
- audit: planning, drawing, encoding, storing, scoring, measuring and judging, as ``imgaudit run`` does it.

On one device the audit may take 1.10 x (draw + score). Where drawing and scoring have a device each, it may take 1.15 x the
slower of the two. With a GPU that is drawing on the GPU and scoring on the CPU; without one the second device is emulated
by a generator that sleeps as long as scoring takes (the hardest case: neither hides the other) and then hands over images
that were drawn before. Ratios are taken within a repetition, their median counts; exit code 1 where a promise is broken.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from pydantic import PrivateAttr
from transformers.utils import logging as transformers_logging

from audit.component import DrawBatch, Generator, Request, View
from audit.digest import bytes_digest
from audit.images import Pixels
from audit.plan import CHUNK, Plan, make_plan
from audit.records import TextPrompt
from audit.run import Silent, run_audit
from audit.spec import AuditSpec
from benchmarks.models import feature_weights
from benchmarks.pipelines import stable_diffusion
from benchmarks.stopwatch import Stopwatch, stopwatch

__all__ = ["Elsewhere", "Loops", "Params", "Times", "main", "one_device", "two_devices"]

ONE_DEVICE, TWO_DEVICES = 1.10, 1.15
PROMPTS = 16

Params = Mapping[str, Mapping[str, str]]
"""Scorer -> its parameters."""


@dataclass(frozen=True, slots=True)
class Loops:
    """What is timed, and on which device."""

    images: int
    side: int
    steps: int
    batch: int
    device: str
    folder: Path
    """Where the models lie and the runs go."""

    @property
    def watch(self) -> Stopwatch:
        """A stopwatch for the device."""
        return stopwatch(self.device)

    def spec(self, scorers: Params) -> AuditSpec:
        """The audit's spec."""
        pipeline = {"model": str(self.folder / "pipeline"), "steps": self.steps, "batch": self.batch}
        captions = self.folder / "captions.txt"
        captions.write_text("".join(f"a photo of thing number {i}\n" for i in range(PROMPTS)), encoding="utf-8")
        return AuditSpec.model_validate(
            {
                "name": "overhead",
                "draws_per_probe": self.images // PROMPTS,
                "generators": [{"use": "diffusion", "name": "model", "params": pipeline}],
                "probes": [{"use": "captions", "params": {"path": str(captions)}}],
                "scorers": [{"use": name, "params": params} for name, params in scorers.items()],
                "metrics": [{"use": "outcomes"}],
            }
        )


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the two bare loops and of the audit."""

    draw: float
    score: float
    audit: float

    def __str__(self) -> str:
        return f"draw {self.draw:.1f} s, score {self.score:.1f} s, audit {self.audit:.1f} s"


class Elsewhere(Generator):
    """Draws on a device of its own: sleeps as long as drawing takes, then hands over images that were drawn before."""

    seconds: float
    """An image."""
    _drawn: Mapping[int, Pixels] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, drawn: Mapping[int, Pixels], *, seconds: float, batch: int) -> "Elsewhere":
        """A generator of these images, by seed."""
        made = cls(seconds=seconds, batch=batch)
        made._drawn = drawn
        return made

    def accepts(self) -> tuple[type[TextPrompt], ...]:
        """Prompts."""
        return (TextPrompt,)

    def fixed_block(self) -> bool:
        """It leaves the device to the scorers."""
        return False

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:  # noqa: ARG002
        """Nothing to load."""
        yield self._draw

    def _draw(self, requests: Sequence[Request]) -> list[Pixels]:
        time.sleep(self.seconds * len(requests))
        return [self._drawn[request.draw.seed] for request in requests]


# ---------------------------------------------------------------------------------------------------- measurements


def one_device(loops: Loops, scorers: Params) -> tuple[Times, dict[int, Pixels]]:
    """Drawing and scoring on the same device; also gives the images by seed."""
    spec = loops.spec(scorers)
    plan = make_plan(spec, loops.device)
    requests = list(plan.generators[0].requests())
    draw, images = loops.watch.time(lambda: _draw_bare(loops, requests))
    score, _ = loops.watch.time(lambda: _score_bare(plan, _views(requests, images)))
    audit = _audit(loops, lambda: make_plan(spec, loops.device))
    drawn = {request.draw.seed: image for request, image in zip(requests, images, strict=True)}
    return Times(draw, score, audit), drawn


def two_devices(loops: Loops, scorers: Params, drawn: Mapping[int, Pixels], seconds: float) -> Times:
    """Drawing elsewhere, at ``seconds`` an image, and scoring here."""
    spec = loops.spec(scorers)
    generator = Elsewhere.of(drawn, seconds=seconds, batch=loops.batch)
    plan = _drawn_by(generator, make_plan(spec, loops.device))
    requests = list(plan.generators[0].requests())
    blocks = [requests[i : i + loops.batch] for i in range(0, len(requests), loops.batch)]
    draw, parts = loops.watch.time(lambda: [generator._draw(block) for block in blocks])
    images = [image for part in parts for image in part]
    score, _ = loops.watch.time(lambda: _score_bare(plan, _views(requests, images)))
    return Times(draw, score, _audit(loops, lambda: _drawn_by(generator, make_plan(spec, loops.device))))


def _drawn_by(generator: Generator, plan: Plan) -> Plan:
    return replace(plan, generators=(replace(plan.generators[0], component=generator),))


def _draw_bare(loops: Loops, requests: Sequence[Request]) -> list[Pixels]:
    pipeline = _load(loops.folder / "pipeline").to(loops.device)
    pipeline.set_progress_bar_config(disable=True)
    images: list[Pixels] = []
    for start in range(0, len(requests), loops.batch):
        block = requests[start : start + loops.batch]
        made = pipeline(
            prompt=[_text(request) for request in block],
            generator=[torch.Generator().manual_seed(request.draw.seed) for request in block],
            num_inference_steps=loops.steps,
            output_type="np",
        )
        images.extend(np.round(made.images * 255).astype(np.uint8))
    return images


def _load(folder: Path) -> Any:
    return StableDiffusionPipeline.from_pretrained(folder)  # type: ignore[no-untyped-call]


def _text(request: Request) -> str:
    assert isinstance(request.probe.condition, TextPrompt)
    return request.probe.condition.text


def _views(requests: Sequence[Request], images: Sequence[Pixels]) -> list[View]:
    return [
        View(image, bytes_digest(image.tobytes()), "png", request.draw, request.probe)
        for request, image in zip(requests, images, strict=True)
    ]


def _score_bare(plan: Plan, views: Sequence[View]) -> None:
    with ExitStack() as stack:
        calls = [stack.enter_context(scorer.component.open(plan.device)) for scorer in plan.scorers]
        for start in range(0, len(views), CHUNK):
            for call in calls:
                call(views[start : start + CHUNK])


def _audit(loops: Loops, plan: Callable[[], Plan]) -> float:
    with tempfile.TemporaryDirectory(dir=loops.folder) as runs:
        seconds, store = loops.watch.time(lambda: run_audit(plan(), runs, progress=Silent()))
        made = store.read_json("manifest.json")["counts"]["made"]
    if made != loops.images:
        raise RuntimeError(f"the audit made {made} of {loops.images} images; its time says nothing")
    return seconds


# ------------------------------------------------------------------------------------------------------- reporting


def _repeat(loops: Loops, names: Sequence[str]) -> list[tuple[float, float]]:
    """The two ratios of each repetition."""
    features = feature_weights(loops.folder)
    ratios = []
    for name in names:
        same, drawn = one_device(loops, {"pixels": {}, "features": features})
        if loops.device == "cpu":
            apart = two_devices(loops, {"pixels": {}, "features": features}, drawn, same.score / loops.images)
        else:
            apart, _ = one_device(loops, {"pixels": {}})  # this scorer computes on the CPU
        ratios.append((same.audit / (same.draw + same.score), apart.audit / max(apart.draw, apart.score)))
        print(f"{name}: one device: {same}: {ratios[-1][0]:.3f}; two devices: {apart}: {ratios[-1][1]:.3f}", flush=True)
    return ratios


def _judge(what: str, ratios: Sequence[float], promise: float) -> bool:
    middle = statistics.median(ratios)
    kept = middle <= promise
    spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
    print(f"{what}: {middle:.3f} ({spread}; promise: at most {promise:.2f}): {'kept' if kept else 'BROKEN'}")
    return kept


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=384, help=f"a multiple of {PROMPTS}")
    parser.add_argument("--side", type=int, default=64, help="pixels of an image")
    parser.add_argument("--steps", type=int, default=5, help="denoising steps")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="torch's threads; its own choice by default")
    given = parser.parse_args(arguments)
    if given.images < 1 or given.images % PROMPTS:
        parser.error(f"--images {given.images}: take a multiple of {PROMPTS}, which is how many prompts there are")
    if given.threads:
        torch.set_num_threads(given.threads)
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        stable_diffusion(folder / "pipeline", side=given.side)
        loops = Loops(given.images, given.side, given.steps, given.batch, given.device, folder)
        _repeat(replace(loops, images=PROMPTS), ["warm-up"])  # libraries are loaded, kernels are chosen
        ratios = _repeat(loops, [f"repetition {number}" for number in range(1, given.repeat + 1)])
    second = "emulated by a generator that sleeps" if given.device == "cpu" else "drawing on the GPU, scoring on the CPU"
    kept = [
        _judge(f"one device ({given.device}), audit / (draw + score)", [one for one, _ in ratios], ONE_DEVICE),
        _judge(f"two devices ({second}), audit / max(draw, score)", [two for _, two in ratios], TWO_DEVICES),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
