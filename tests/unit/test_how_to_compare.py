"""What two findings of different protocol ids need to become comparable."""

import pytest

from audit.deciding import how_to_compare

FRECHET = "Frechet distance at n={n} a side; reference 01ab; png; features.vector; features={features}"


def frechet(features: str, n: int = 300) -> str:
    return FRECHET.format(n=n, features=features)


@pytest.mark.parametrize(
    ("new", "base", "told"),
    [
        (
            frechet("fid-inception-tm-0a"),
            frechet("fid-inception-clean-0b"),
            "imgaudit score RUN --set scorers.features.params.protocol=fid-inception-clean",
        ),
        (
            frechet("fid-inception-tm-0a"),
            frechet("features-0b"),
            "imgaudit score RUN --set scorers.features.params.protocol=fid-inception-tm",
        ),
        (frechet("fd-clip-0a"), frechet("fd-clip-0b"), "other weights, parameters, versions or device"),
        (frechet("fd-clip-0a"), frechet("fd-clip-0a", n=200), "same scorers, weights, versions and n"),
        ("share; corrected by labels", "share", "import labels"),
    ],
)
def test_the_remedy_names_what_differs(new: str, base: str, told: str) -> None:
    assert told in how_to_compare(new, base)
