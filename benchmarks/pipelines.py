"""The small diffusers pipelines of the tests, saved to folders for the benchmarks."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
if str(ROOT / "tests") not in sys.path:  # the tests are no package; pytest puts their folder on the path, a script must
    sys.path.append(str(ROOT / "tests"))

import tiny_pipelines  # type: ignore[import-not-found]  # noqa: E402

__all__ = ["ddpm", "stable_diffusion"]


def stable_diffusion(folder: Path, *, side: int = 64) -> Path:
    """A small Stable Diffusion that draws images of ``side`` pixels."""
    tiny_pipelines.stable_diffusion(folder, size=side)
    return folder


def ddpm(folder: Path, *, side: int = 32) -> Path:
    """A small unconditional model in pixel space."""
    tiny_pipelines.ddpm(folder, size=side)
    return folder
