"""How often perceived gender and perceived age band of photographs differ from what annotators saw, by group."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cache

import numpy as np

from audit.calibrate import CONFIDENCE, Goal, calibrated
from audit.calibration_figures import BELOW, Readings, group_errors, interval_of
from audit.classifier import Classifier, Looked, classifier, look
from audit.component import Scorer
from audit.labelled_images import Asked, LabelledImages, read_labelled
from audit.scorers.agreement import Agreement
from audit.scorers.attributes import Attributes
from audit.scorers.face_attributes import FaceAttributes
from audit.scorers.faces import NO_FACE, Faces
from audit.scorers.second_attributes import SecondAttributes
from audit.scorers.views import number
from benchmarks.people.photographs import AGE_BANDS, FACES, GENDERS, available, photograph
from benchmarks.people.section import Promise, Section

__all__ = ["sections"]

GENDER, BAND = "perceived_gender", "perceived_age_band"
MAPS = {GENDER: ("gender", GENDERS), BAND: ("age", AGE_BANDS)}
TARGETS = {GENDER: 0.1, BAND: 0.25}
MODELS = {"first": "attributes", "second": "second_attributes", "agreement": "agreement"}
PHOTOGRAPHS = (
    "180 FairFace photographs of adults, 30 for each of six age bands, half of each annotated female and half male"
)
INTERVALS = (
    "95 % Wilson intervals. The largest face of each photograph counts, and errors are shares of the labels that were read"
)
DECADE, OLDEST = 10, 70
DISAGREE = "the models disagree"


def sections() -> Iterator[Section]:
    """The tables; where the photographs are not on this machine, one that says so."""
    if not available():
        yield Section("Labels of photographs", ("not measured",), (("the labelled photographs are not on this machine",),))
        return
    for column in (GENDER, BAND):
        yield _errors(column)
        yield _confusions(column)
        yield _thresholds(column)
        yield _equally_many(column)
    yield _years()


# ------------------------------------------------------------------------------------------------------- readings


@cache
def _looked(column: str, model: str) -> tuple[Classifier, LabelledImages, Looked]:
    """What a model says of every photograph, whatever its confidence."""
    found = classifier(f"{MODELS[model]}.{column}", _scorers(column))
    true, mapping = MAPS[column]
    groups = ("age",) if column == GENDER else ("gender",)
    labelled = read_labelled(FACES, FACES / "labels.csv", Asked(true, mapping, groups), found.column.levels)
    return found, labelled, look(found, labelled, "cpu", lambda _: None)


def _scorers(column: str) -> Mapping[str, Scorer]:
    """Models without ambiguous bands of their own, so that agreement is the only filter of ``agreement``."""
    first = Attributes(gender_confidence=0.5, band_confidence=0)
    second = SecondAttributes(gender_confidence=0.5, band_confidence=0)
    labels = next(known.levels for known in first.columns() if known.name == column)
    both = tuple(f"{name}.{column}" for name in ("attributes", "second_attributes"))
    agreement = Agreement(columns=both, labels=labels)
    return {"faces": Faces(), "attributes": first, "second_attributes": second, "agreement": agreement}


@cache
def _variants(column: str) -> dict[str, Readings]:
    """Each model without and with its default ambiguous band, and what both agree on."""
    found: dict[str, Readings] = {}
    defaults: dict[str, FaceAttributes] = {"first": Attributes(), "second": SecondAttributes()}
    for model, scorer in defaults.items():
        readings, parameter = _looked(column, model)[2].readings, scorer.thresholds()[column]
        threshold = float(getattr(scorer, parameter))
        found |= {f"{model}, every face": readings, f"{model}, {parameter} {threshold:g}": readings.at(threshold)}
    return found | {"agreement of both": _looked(column, "agreement")[2].readings}


# --------------------------------------------------------------------------------------------------------- tables


def _errors(column: str) -> Section:
    rows = [
        (name, f"{group.column} {group.level}".strip() or "all", *_counts(group.read, group.wrong, group.interval))
        for name, readings in _variants(column).items()
        for group in group_errors(readings, MAPS[column][0], CONFIDENCE)
    ]
    shares = {name: readings.wrong.sum() / readings.there.sum() for name, readings in _variants(column).items()}
    either, both = min(shares["first, every face"], shares["second, every face"]), shares["agreement of both"]
    promise = Promise(
        f"error of {column} where both models agree, against either alone",
        f"below {either:.1%}",
        f"{both:.1%}",
        both < either,
    )
    heads = ("model", "annotated", "read", "wrong", "error", "interval")
    return Section(f"Error of {column} by annotated group", heads, tuple(rows), f"{PHOTOGRAPHS}. {INTERVALS}.", (promise,))


def _confusions(column: str) -> Section:
    labels = _looked(column, "first")[0].column.levels
    rows = []
    for name, readings in _variants(column).items():
        counts = readings.counts(labels)
        for true in labels:
            of_true = readings.truth == true
            gone = [int((of_true & _because(readings, why)).sum()) for why in (NO_FACE.reason, BELOW, DISAGREE)]
            faces = int(of_true.sum()) - gone[0]
            doubts = _share(np.repeat([True, False], [gone[1] + gone[2], faces - gone[1] - gone[2]]))
            rows.append((name, true, *(str(counts[true][read]) for read in labels), *map(str, gone), doubts))
    heads = ("model", "annotated", *(f"read as {label}" for label in labels), "no face", "unsure", "disagree", "ambiguous")
    note = f"{PHOTOGRAPHS}. Ambiguous: share of the faces found that are unsure, or on which the models disagree."
    return Section(f"What was read as what: {column}", heads, tuple(rows), note)


def _because(readings: Readings, why: str) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.array([why in reason for reason in readings.reason.tolist()], dtype=np.bool_)


def _thresholds(column: str) -> Section:
    rows, promises, target = [], [], TARGETS[column]
    for model in MODELS:
        asked, labelled, looked = _looked(column, model)
        found = calibrated(asked, looked, labelled, Goal(MAPS[column][0], PHOTOGRAPHS, "benchmark", target))
        held, whole = found.calibration.held_out, found.calibration.groups[0]
        assert held is not None
        for at in found.along:
            mark = "chosen" if at.threshold == found.chosen else ""
            rows.append((model, f"{at.threshold:g}", mark, *_counts(at.read, at.wrong, at.interval), f"{at.limit:.1%}"))
        if found.chosen is None:
            rows.append((model, "none", f"no threshold meets {target:g} and holds on other photographs", *(("-",) * 5)))
            continue
        rows.append(
            (
                model,
                "held out",
                f"{held.unmet} of {held.parts} parts unmet",
                *_counts(held.read, held.wrong, held.interval),
                "-",
            )
        )
        error = held.wrong / max(1, held.read)
        told = f"{error:.1%} (on the same photographs {whole.wrong / whole.read:.1%})"
        what = f"held-out error of {column} at the threshold chosen for the {model} model"
        promises.append(Promise(what, f"at most {target:.0%}", told, error <= target))
    heads = ("model", "least confidence", "", "read", "wrong", "error", "interval", "one-sided 95 % limit")
    note = (
        f"{PHOTOGRAPHS}. Chosen: the lowest threshold whose error has a one-sided 95 % upper limit of at most {target:g}. "
        f"Held out: ten times chosen on nine tenths of the photographs and judged on the others. {INTERVALS}."
    )
    return Section(f"Coverage and error along confidence: {column}", heads, tuple(rows), note, tuple(promises))


def _equally_many(column: str) -> Section:
    """What agreement gives, beside one model that leaves out as many of its least sure labels."""
    both = _looked(column, "agreement")[2].readings
    rows = [("agreement of both", "-", *_counts(int(both.there.sum()), int(both.wrong.sum()), both.interval(CONFIDENCE)))]
    for model in ("first", "second"):
        readings = _looked(column, model)[2].readings
        sure = np.sort(readings.sure[readings.there])[::-1]
        threshold = float(sure[min(len(sure), int(both.there.sum())) - 1])
        kept = readings.at(threshold)
        counted = _counts(int(kept.there.sum()), int(kept.wrong.sum()), kept.interval(CONFIDENCE))
        rows.append((f"{model} alone", f"{threshold:.4f}", *counted))
    heads = ("model", "least confidence", "read", "wrong", "error", "interval")
    note = f"{PHOTOGRAPHS}. A threshold of one model that leaves as many labels as agreement does. {INTERVALS}."
    return Section(f"Agreement against a threshold of one model: {column}", heads, tuple(rows), note)


def _years() -> Section:
    """Perceived age in years, against the decade that annotators gave."""
    rows, promises = [], []
    for model, found in _read_years().items():
        within = np.array([low - DECADE <= years < high + DECADE for years, low, high in found])
        off = {low: [] for _, low, _ in found}
        for years, low, _ in found:
            off[low].append(years - low - DECADE / 2)
        biases = [f"{np.mean(off[low]):+.1f}" for low in sorted(off)]
        rows.append((model, str(len(found)), _share(within), *biases))
        if model == "second":
            told = f"{within.mean():.1%}"
            promises.append(
                Promise("ages of the second model within a decade", "at least 80 %", told, within.mean() >= 0.8)
            )
    heads = ("model", "faces", "within one decade", *(f"{low}-{low + 9}" for low in range(20, 70, 10)), "70+")
    note = (
        f"{PHOTOGRAPHS}. Within one decade: not more than ten years outside the annotated band. By band: mean perceived "
        "age less the middle of the band (75 for 70+), in years."
    )
    return Section("Perceived age in years", heads, tuple(rows), note, tuple(promises))


def _read_years() -> dict[str, list[tuple[float, int, float]]]:
    """Model -> perceived years of each face, with the first year and the end of its annotated band."""
    images = _looked(GENDER, "first")[1].images
    models: dict[str, FaceAttributes] = {"first": Attributes(), "second": SecondAttributes()}
    found: dict[str, list[tuple[float, int, float]]] = {model: [] for model in models}
    with ExitStack() as stack:
        faces = stack.enter_context(Faces().open("cpu"))
        calls = {model: stack.enter_context(scorer.open("cpu")) for model, scorer in models.items()}
        for image in images:
            view = photograph(image.path)
            view = replace(view, given={"faces": faces([view])[0]})
            low = int(image.groups[0][:2])
            for model, call in calls.items():
                years = [number(row, "perceived_age") for row in call([view])[0] if row.region == 0]
                found[model] += [(age, low, low + DECADE if low < OLDEST else np.inf) for age in years if age is not None]
    return found


def _counts(read: int, wrong: int, interval: tuple[float, float] | None) -> tuple[str, str, str, str]:
    if not read:
        return "0", "0", "-", "-"
    return str(read), str(wrong), f"{wrong / read:.1%}", f"{interval[0]:.1%} to {interval[1]:.1%}" if interval else "-"


def _share(hits: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> str:
    interval = interval_of(hits, np.arange(len(hits)).astype(object), CONFIDENCE)
    return f"{hits.mean():.1%} ({interval[0]:.1%} to {interval[1]:.1%})" if interval else "-"
