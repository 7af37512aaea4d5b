"""``gan``: style networks, and networks that break a promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_gans import Planted, Styled, drawn, images, opened, requests, saved

from audit.errors import AuditError, GenerationError, InputError, OutOfMemory
from audit.records import Failed

HERE = "tiny_gans"


# --------------------------------------------------------------------------------------------------- style networks


def styled(tmp_path: Path, **params: Any) -> dict[str, Any]:
    torch.manual_seed(1)
    weights = saved(Styled(), tmp_path)
    common = {"factory": f"{HERE}:Styled", "weights": weights, "latent": [4], "call_params": {"noise_mode": "const"}}
    return {**common, "output_range": [-2, 2], **params}


def test_styles_are_pulled_towards_the_stored_mean(tmp_path: Path) -> None:
    asked = requests(range(16))
    full = images(drawn(asked, **styled(tmp_path))).astype(float)
    half = images(drawn(asked, **styled(tmp_path, truncation=0.5, truncation_mean="w_avg"))).astype(float)
    mean = (0.25 + 2) / 4 * 255
    np.testing.assert_allclose(half, mean + 0.5 * (full - mean), atol=1.01)


def test_an_estimated_mean_is_the_mean_of_many_styles(tmp_path: Path) -> None:
    params = styled(tmp_path, truncation=1e-6, truncation_mean="estimate")
    found = images(drawn(requests([1, 2]), **params)).astype(float)
    torch.manual_seed(1)
    mapping = Styled().mapping
    with torch.no_grad():
        mean = mapping(torch.randn(200_000, 4), None)[:, 0, :3].mean(dim=0).numpy()
    np.testing.assert_allclose(found[0, 0, 0], (mean + 2) / 4 * 255, atol=1.5)
    np.testing.assert_array_equal(found[0], found[1])


def test_a_style_network_must_be_told_what_to_truncate_towards(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"w_avg.*estimate"):
        drawn(requests([1]), **styled(tmp_path, truncation=0.5))
    with pytest.raises(InputError, match=r"w_mean.*no stored tensor"):
        drawn(requests([1]), **styled(tmp_path, truncation=0.5, truncation_mean="w_mean"))
    plain = {"factory": f"{HERE}:Planted", "weights": saved(Planted(), tmp_path), "latent": [4]}
    with pytest.raises(InputError, match="takes z alone"):
        drawn(requests([1]), **plain, truncation=0.5, truncation_mean="estimate")


# ---------------------------------------------------------------------------------------------------- broken promises


def planted(tmp_path: Path, fault: str, **params: Any) -> dict[str, Any]:
    weights = saved(Planted(), tmp_path)
    return {"factory": f"{HERE}:Planted", "factory_params": {"fault": fault}, "weights": weights, "latent": [4], **params}


def test_an_image_that_is_not_finite_fails_alone(tmp_path: Path) -> None:
    products = drawn(requests(range(4)), **planted(tmp_path, "nan"))
    assert [isinstance(product, Failed) for product in products] == [False, True, False, False]
    fine = images(drawn(requests(range(4)), **planted(tmp_path, "")))
    np.testing.assert_array_equal(images([products[0], *products[2:]]), fine[[0, 2, 3]])


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("count", GenerationError, "3 images came back where 4"),
        ("shape", GenerationError, r"\(4, 8, 8, 3\).*channels first"),
        ("bytes", GenerationError, "int32.*floating-point"),
        ("range", GenerationError, r"far outside -1\.\.1.*output_range"),
        ("noise", GenerationError, "noise of its own.*batch: 1"),
        ("batch norm", GenerationError, "normalises over the batch"),
        ("raises", GenerationError, "IndexError.*latent"),
        ("memory", OutOfMemory, "batch of 4"),
    ],
)
def test_a_broken_promise_gets_one_clear_line(fault: str, error: type[AuditError], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message) as caught:
        drawn(requests(range(4)), **planted(tmp_path, fault))
    assert "\n" not in str(caught.value)


def test_grey_images_and_tuples_are_taken(tmp_path: Path) -> None:
    plain = images(drawn(requests(range(4)), **planted(tmp_path, "")))
    for fault in ("grey", "pair"):
        np.testing.assert_array_equal(images(drawn(requests(range(4)), **planted(tmp_path, fault))), plain)


def test_noise_of_its_own_comes_from_the_seed_when_drawn_alone(tmp_path: Path) -> None:
    with opened(**planted(tmp_path, "noise", batch=1)) as draw:
        first = [images(draw(requests([seed])))[0] for seed in (5, 6)]
        torch.randn(7)
        again = [images(draw(requests([seed])))[0] for seed in (6, 5)]
    np.testing.assert_array_equal(first, again[::-1])
