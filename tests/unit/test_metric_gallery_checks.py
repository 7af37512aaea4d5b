"""Metric ``gallery``: galleries, impostors and columns that cannot be used."""

import pytest
from metric_tables import NUMBER, prompt
from planted_galleries import METRIC, Planted, face, finding, photo

from audit.errors import InputError, SpecError
from audit.metrics.gallery import Gallery


def _refused(planted: Planted, *words: str, metric: Gallery = METRIC) -> str:
    with pytest.raises(InputError) as error:
        metric.check_references("likeness", planted.context())
    told = str(error.value)
    assert told.startswith("metrics.likeness: the gallery 'photos': ")
    assert "\n" not in told
    for word in words:
        assert word in told
    return told


def test_a_photograph_with_no_face_or_two_is_named() -> None:
    planted = Planted()
    planted.add("photos", photo("Bea"), 7, None, count=0)
    planted.add("photos", photo("Cyd"), 8, None, count=0)
    _refused(planted, "photograph 7 of Bea, photograph 8 of Cyd: no face", "no face found where one is needed")
    planted.world.rows[-2]["location"] = "people/bea-7.jpg"
    _refused(planted, "people/bea-7.jpg")
    planted = Planted()
    planted.add("photos", photo("Dee"), 4, face(planted.rng), count=2)
    _refused(planted, "photograph 4 of Dee", "several faces", "crop it to the person meant")


def test_a_photograph_that_the_recogniser_cannot_take_is_named() -> None:
    planted = Planted()
    planted.world.draw(
        "photos", photo("Dee"), 4, {"faces.count": 1.0, "face_embedding.vector": ("why", "too small a face")}
    )
    _refused(planted, "photograph 4 of Dee", "too small a face")


def test_a_photograph_that_cannot_be_read_is_named() -> None:
    planted = Planted()
    planted.world.draw("photos", photo("Dee"), 5, outcome="failed")
    _refused(planted, "photograph 5 of Dee", "cannot be read (failed by the test)")


def test_the_same_file_under_two_names() -> None:
    planted = Planted()
    planted.world.rows[-1]["image"] = planted.world.rows[0]["image"]
    _refused(planted, "photograph 0 of Ada (Ada)", "photograph 1 of Dee (Dee)", "one image under two names")


def test_nearly_identical_photographs_under_two_names() -> None:
    planted = Planted()
    planted.add("photos", photo("Bea"), 5, planted.people["Ada"])
    planted.add("photos", photo("Ada"), 6, 1.3 * face(planted.rng, planted.people["Ada"], 0.1))
    _refused(planted, "'Ada' and 'Bea'", "nearly identical (cosine 0.9", "raise `same_person`")
    METRIC.model_copy(update={"same_person": 0.999}).check_references("likeness", planted.context())


def test_two_photographs_of_one_person_may_be_identical() -> None:
    planted = Planted()
    planted.add("photos", photo("Ada"), 5, planted.people["Ada"])
    planted.add("photos", photo("Ada"), 6, planted.people["Ada"])
    METRIC.check_references("likeness", planted.context())


def test_an_empty_gallery() -> None:
    planted = Planted(())
    planted.neutral(2)
    _refused(planted, "it is empty")


def test_a_table_that_does_not_say_who_it_is() -> None:
    planted = Planted(())
    planted.add("photos", prompt("a photograph", origin="here"), 0, face(planted.rng))
    _refused(planted, "its table needs a column 'person'", "axes found: origin")
    with pytest.raises(InputError, match="needs a column 'person'"):  # found when the plan is rehearsed, too
        list(METRIC.measure("likeness", planted.context()))
    planted = Planted()
    planted.add("photos", prompt("a photograph"), 3, face(planted.rng))
    _refused(planted, "photograph 3", "the column 'person' names nobody")


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"column": "sharp.sharpness"}, "params.column: sharp.sharpness holds numbers; a vector column is needed"),
        ({"faces": "face_embedding.vector"}, "params.faces: face_embedding.vector holds vectors"),
        ({"group_by": "sharp.sharpness"}, "params.group_by: sharp.sharpness holds numbers; a label column is needed"),
        ({"column": "nobody.vector"}, "no scorer fills 'nobody.vector'"),
    ],
)
def test_columns_of_another_kind_are_refused(update: dict[str, str], words: str) -> None:
    planted = Planted().named()
    planted.world.declare(sharp=NUMBER)
    with pytest.raises(SpecError, match=words):
        planted.measure(METRIC.model_copy(update=update))


def test_what_the_plan_is_told() -> None:
    metric = Gallery(gallery="photos", group_by="origin")
    assert (metric.axes(), metric.reads()) == (("origin",), ("face_embedding.vector", "faces.count"))
    metric = Gallery(gallery="photos", group_by="attributes.perceived_gender")
    assert metric.axes() == ()
    assert metric.reads()[-1] == "attributes.perceived_gender"
    assert metric.references() == ("photos",)


def test_a_name_spelled_by_combining_marks_is_the_same_name() -> None:
    planted = Planted(("Jose\u0301", "Ada")).neutral(200)
    for index in range(8):
        planted.add("model", prompt("photo of somebody", name="Jos\u00e9 "), index, face(planted.rng))
    found = planted.measure(METRIC.model_copy(update={"false_match_rate": 0.05}))
    assert (finding(found, "matches").n, finding(found, "threshold").n) == (8, 200)
    planted.add("photos", photo(" "), 0, face(planted.rng))
    _refused(planted, "the column 'person' names nobody")


def test_all_photographs_that_are_of_no_use_are_named_by_what_is_wrong_with_them() -> None:
    planted = Planted()
    planted.add("photos", photo("Ada"), 5, None, count=0)
    planted.add("photos", photo("Bea"), 6, face(planted.rng), count=2)
    planted.add("photos", photo("Cyd"), 7, None, count=0)
    planted.world.draw("photos", photo("Dee"), 8, outcome="failed")
    _refused(
        planted,
        "photograph 5 of Ada, photograph 7 of Cyd: no face found",
        "; photograph 6 of Bea: several faces found",
        "; photograph 8 of Dee: cannot be read (failed by the test).",
    )
    for index in range(10, 40):
        planted.add("photos", photo("Ada"), index, None, count=0)
    told = _refused(planted, "photograph 25 of Ada", "; and 14 more.")
    assert told.count("photograph ") == 20
