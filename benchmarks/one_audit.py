"""One audit in a process that holds nothing else: prints its images and its peak memory as JSON.

python -m benchmarks.one_audit SPEC RUNS
"""

import json
import resource
import sys
from pathlib import Path

from audit.plan import make_plan
from audit.run import Silent, run_audit
from audit.spec import load_spec

__all__ = ["main", "peak_bytes"]


def peak_bytes() -> int:
    """Most resident memory that this process ever had.

    Linux hands ``ru_maxrss`` on from the process that started this one, so its own high-water mark is read there.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main(spec: str, runs: str) -> None:
    """Run the audit of a spec."""
    store = run_audit(make_plan(load_spec(Path(spec)), "cpu"), runs, progress=Silent())
    counts = store.read_json("manifest.json")["counts"]
    print(json.dumps({"images": counts["made"], "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
