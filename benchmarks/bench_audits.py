"""Images per second of whole audits: planned before, then drawn, stored, scored, measured and judged."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from audit.plan import make_plan
from audit.run import Silent, run_audit
from benchmarks.devices import ON_EACH_DEVICE
from benchmarks.models import feature_weights
from benchmarks.overhead import Loops, Params
from benchmarks.pipelines import stable_diffusion

IMAGES = 64

Audit = Callable[[str, Params], None]


@pytest.fixture
def audit(throughput: Any, tmp_path: Path) -> Audit:
    """Times audits of the small Stable Diffusion: on which device, with which scorers."""
    stable_diffusion(tmp_path / "pipeline")

    def run(device: str, scorers: Params) -> None:
        spec = Loops(IMAGES, side=64, steps=5, batch=8, device=device, folder=tmp_path).spec(scorers)
        plan = make_plan(spec, device)
        number = count()

        def folder() -> Path:
            return tmp_path / f"runs-{next(number)}"

        throughput(lambda runs: run_audit(plan, runs, progress=Silent()), images=IMAGES, prepare=folder)

    return run


@ON_EACH_DEVICE
def test_draw_and_score_on_one_device(audit: Audit, tmp_path: Path, device: str) -> None:
    """EfficientNet-lite0 takes turns with the pipeline."""
    audit(device, {"features": feature_weights(tmp_path)})


@ON_EACH_DEVICE
def test_draw_beside_scoring_on_the_cpu(audit: Audit, device: str) -> None:
    """On a GPU the two overlap; ``python -m benchmarks.overhead`` says by how much."""
    audit(device, {"pixels": {}})
