"""A file of confusion counts: hostile ones end with one clear line."""

import pytest

from audit.calibration import read_calibration
from audit.errors import InputError

ROW = '"feminine": {"feminine": 9, "masculine": 1}'


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (f'{ROW}, "masculine": {{"masculine": 1{"0" * 400}}}', "none of them below 0 or above 1000000000000"),
        (f'{ROW}, "masculine": {{"masculine": -1}}', "none of them below 0"),
        (f'{ROW}, {ROW}, "masculine": {{"masculine": 9}}', "'feminine' stands there twice"),
        (f'{ROW}, "masculine": {{"masculine": NaN}}', "counts.masculine.masculine"),
        (ROW, "at least two labels"),
    ],
)
def test_counts_that_cannot_be_are_refused(tmp_path, counts: str, told: str) -> None:
    path = tmp_path / "counts.json"
    path.write_text(f'{{"images": "photographs", "counts": {{{counts}}}}}')
    with pytest.raises(InputError, match=told):
        read_calibration(path)


def test_what_is_no_file_of_counts_is_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\); give a JSON file"):
        read_calibration(tmp_path)
    (tmp_path / "large.json").write_bytes(b" " * 1_000_001)
    with pytest.raises(InputError, match=r"large\.json: larger than 1000000 bytes"):
        read_calibration(tmp_path / "large.json")
