"""Metric ``gallery``: impostors of another generator, what they are counted as, and too few of them."""

from collections.abc import Callable

import pytest
from metric_tables import latent, prompt
from planted_galleries import METRIC, Planted, face, finding

from audit.errors import InputError
from audit.records import Axis, ClassLabel, Latent, Probe

OTHERS = METRIC.model_copy(update={"impostors": "others"})


def test_images_of_another_generator_may_be_the_impostors() -> None:
    planted = Planted().neutral(generator="others")
    for index in range(40):
        planted.add("model", prompt("anybody"), index, face(planted.rng, planted.people["Cyd"] if index < 10 else None))
    metric = METRIC.model_copy(update={"impostors": "others"})
    found = planted.measure(metric)
    assert metric.references() == ("photos", "others")
    assert finding(found, "matches").estimate == pytest.approx(0.25, abs=0.05)
    assert finding(found, "threshold").n == 300
    assert not [key for key in found if key.startswith("name_effect")]
    alone = planted.measure()
    assert finding(alone, "matches").estimate is None
    assert "No estimate" in finding(alone, "matches").note


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (lambda number: latent(), "impostors are 60 images:"),
        (lambda number: Probe(suite="s", condition=Latent(), unit="draw", axes=(_person(number),)), "are 60 images:"),
        (lambda number: Probe(suite="s", condition=ClassLabel(label=number)), "impostors are of 60 classes:"),
        (lambda number: prompt(f"person {number}"), "impostors are of 60 prompts:"),
        (lambda number: prompt(f"person {number}", pair=f"{number // 2}"), "impostors are of 30 sets of paired prompts:"),
    ],
)
def test_impostors_are_counted_as_what_they_are(probe: Callable[[int], Probe], told: str) -> None:
    planted = Planted().named()
    for number in range(60):
        planted.add("others", probe(number), number, face(planted.rng))
    metric = METRIC.model_copy(update={"impostors": "others", "false_match_rate": 1e-5})
    found = planted.measure(metric)
    assert told in finding(found, "threshold").note
    assert (", each with as many images" in finding(found, "threshold").note) == ("images:" not in told)
    assert told.removesuffix(":") + ";" in finding(found, "standouts").note


def _person(number: int) -> Axis:
    return Axis(name="person", level=f"stranger {number // 3}")


@pytest.mark.parametrize(("images", "told"), [(1, "are 1 image"), (18, "are 18 images"), (0, "are 0 images")])
def test_impostors_that_can_tell_nothing_are_refused(images: int, told: str) -> None:
    planted = Planted()
    for index in range(images):
        planted.add("others", latent(), index, face(planted.rng))
    planted.add("others", latent(), images, None)
    with pytest.raises(InputError, match="the impostors 'others'") as error:
        OTHERS.check_references("gallery", planted.context())
    assert f"{told} with one face; at least 19 are needed" in str(error.value)


def test_impostors_that_can_tell_something_are_not_refused() -> None:
    planted = Planted().neutral(5, generator="others")
    OTHERS.model_copy(update={"false_match_rate": 0.9}).check_references("gallery", planted.context())
    OTHERS.check_references("gallery", Planted().neutral(19, generator="others").context())


def test_one_counted_impostor_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match=r"^gallery: the impostors 'others': 1 image found, .* `impostors` out$"):
        OTHERS.check_generators({"others": {"draws": "1"}, "photos": {"draws": "1"}})
    OTHERS.check_generators({"others": {"draws": "2"}})
    OTHERS.check_generators({"others": {}})
    METRIC.check_generators({"photos": {"draws": "1"}})
