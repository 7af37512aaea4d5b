"""Command line of the people benchmark: print the tables, save them, exit 1 where a promise is not kept."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from audit.environment import revision, versions
from benchmarks.people.section import Section

PARTS = ("detection", "labels", "tone", "likeness", "gallery", "copies")
"""Modules beside this one; each has ``sections()``, an iterator of ``Section``."""
SAVED = Path(__file__).with_name("results")


def markdown(section: Section) -> str:
    """A section as a Markdown table with its promises below."""
    lines = [f"## {section.title}", "", *([section.note, ""] if section.note else [])]
    lines += [_row(section.columns), _row(["---"] * len(section.columns)), *map(_row, section.rows)]
    for promise in section.promises:
        state = "kept" if promise.kept else "NOT KEPT"
        lines.append(f"\n- {promise.what}: promised {promise.promised}, found {promise.found}: {state}")
    return "\n".join(lines)


def _made(part: str, at: str) -> str:
    found = versions()
    named = ", ".join(f"{name} {found[name]}" for name in ("python", "numpy", "onnxruntime", "torch") if name in found)
    return f"Made by `python -m benchmarks.people {part} --save` at revision {at} with {named}."


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Run the parts that are named, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.people", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--save", action="store_true", help=f"write the tables to {SAVED.name}/PART.md")
    chosen = parser.parse_args(arguments)
    if unknown := [part for part in chosen.parts if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; parts: {', '.join(PARTS)}")
    kept, at = True, revision()  # asked before a saved table makes the checkout dirty
    for part in chosen.parts or PARTS:
        texts = []
        for section in importlib.import_module(f"benchmarks.people.{part}").sections():
            texts.append(markdown(section))
            print(f"{texts[-1]}\n", flush=True)
            kept &= all(promise.kept for promise in section.promises)
        if chosen.save:
            SAVED.mkdir(exist_ok=True)
            (SAVED / f"{part}.md").write_text("\n\n".join([*texts, _made(part, at)]) + "\n")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
