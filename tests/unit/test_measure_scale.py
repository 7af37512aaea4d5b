"""The benchmark of scale builds the table that it says, and prints what it measured."""

import numpy as np
import pytest

from benchmarks.measure_scale import LABELS, SCORER, main, scored_images


def test_images_are_spread_evenly_over_cells_and_some_cannot_be_read() -> None:
    table = scored_images(10_000, 20, np.random.default_rng(1))
    assert len(table) == len(set(table.images.tolist())) == 10_000
    assert len(table.probes) == 100
    assert np.unique(table.axis("occupation").astype(str), return_counts=True)[1].tolist() == [500] * 20
    values = table.values(f"{SCORER}.{LABELS.name}")
    assert (~values.present).mean() == pytest.approx(0.02, abs=0.006)
    assert set(values.reason[~values.present].tolist()) == {"no face"}
    shares = [np.mean(values.value[table.axis("occupation") == level] == "feminine") for level in table.axes["occupation"]]
    assert np.ptp(shares) > 0.2
    for images, cells in ((10_001, 20), (50, 20), (100, 0)):
        with pytest.raises(ValueError, match="multiple of 5"):
            scored_images(images, cells, np.random.default_rng(1))


def test_a_small_table_is_measured_and_promises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--images", "2000", "--cells", "20"]) == 0
    out = capsys.readouterr().out
    assert "2000 images, 20 cells: " in out
    assert "promise" not in out
