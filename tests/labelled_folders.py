"""Folders of labelled images that the classifier of ``brightness_scorer`` reads as planted."""

from pathlib import Path

import numpy as np
from brightness_scorer import Brightness
from PIL import Image

from audit.calibrate import Goal, calibrated
from audit.classifier import classifier, look
from audit.labelled_images import Asked, read_labelled

LABELS = ("bright", "dark")


def image(folder: Path, name: str, read: str, sure: int = 90, blue: int = 0) -> None:
    red = 200 if read == "bright" else 20
    Image.fromarray(np.full((4, 4, 3), (red, sure, blue), dtype=np.uint8)).save(folder / name)


def folder_of(tmp_path: Path, rows: list[tuple], header: str = "file,tone,place,who") -> Path:
    """Rows of (true, read, confidence, place, who)."""
    lines = [header]
    for number, (true, read, sure, place, who) in enumerate(rows):
        image(tmp_path, f"{number}.png", read or "dark", sure, 0 if read else 255)
        lines.append(f"{number}.png,{true},{place},{who}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def planted(n: int, wrong: int, unsure: int = 0) -> list[tuple]:
    """n bright and n dark images; so many of the bright ones are read as dark, by halves in two places."""
    rows = [("bright", "dark" if i < wrong else "bright", 90, "in" if i % 2 else "out", i) for i in range(n)]
    rows += [("dark", "dark", 90, "in", n + i) for i in range(n)]
    return rows + [("dark", "bright", 50, "out", 2 * n + i) for i in range(unsure)]


TONE = Asked("tone")


def run(folder: Path, asked: Asked = TONE, target: float | None = None, **params):
    found = classifier("tones.tone", {"tones": Brightness(**params)})
    labelled = read_labelled(folder, folder / "labels.csv", asked, found.column.levels)
    ticks: list[int] = []
    looked = look(found, labelled, "cpu", ticks.append)
    assert sum(ticks) == len(labelled.images)
    return calibrated(found, looked, labelled, Goal("tone", "drawings", target=target, basis="generated"))
