"""Does memory grow with the number of images? Audits of a folder of 200 and of 2,000 images, each in its own process.

    python -m benchmarks.memory [--images 200 2000] [--side 512] [--scorers pixels features]

Prints the peak resident memory of each and the ratio; the promise is at most 1.15. Exit code 1 where it is broken.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.models import feature_weights
from benchmarks.pictures import image_folder

__all__ = ["main", "peak_of_audit"]

PROMISE = 1.15
ROOT = Path(__file__).parent.parent


def peak_of_audit(images: Path, scorers: dict[str, dict[str, Any]], folder: Path) -> dict[str, int]:
    """Audit a folder of images in a process of its own; gives ``images`` scored and ``peak_bytes``."""
    spec = {
        "name": f"memory-{images.name}",
        "generators": [{"use": "folder", "params": {"path": str(images)}}],
        "scorers": [{"use": name, "params": params} for name, params in scorers.items()],
        "metrics": [{"use": "outcomes"}],
    }
    path = folder / f"{images.name}.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.one_audit", str(path), str(folder / "runs")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, int] = json.loads(done.stdout)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run both audits and compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs=2, default=(200, 2000), metavar="N")
    parser.add_argument("--side", type=int, default=512, help="pixels")
    parser.add_argument("--scorers", nargs="+", choices=("pixels", "features"), default=("pixels", "features"))
    given = parser.parse_args(arguments)
    peaks = []
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        parameters = {"pixels": {}, "features": feature_weights(folder)}
        scorers = {name: parameters[name] for name in given.scorers}
        for count in given.images:
            images = image_folder(folder / f"{count}-images", count, side=given.side)
            found = peak_of_audit(images, scorers, folder)
            print(f"{found['images']:>6} images: peak {found['peak_bytes'] / 2**20:.0f} MiB", flush=True)
            peaks.append(found["peak_bytes"])
    ratio = peaks[1] / peaks[0]
    print(f"ratio {ratio:.3f} (promise: at most {PROMISE}): {'kept' if ratio <= PROMISE else 'BROKEN'}")
    return 0 if ratio <= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
