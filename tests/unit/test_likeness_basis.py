"""Nobody is recognised without a basis that holds, and nobody's attributes are inferred from photographs without one."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from recognising_plugins import LIKENESS, Careless, Embedding

from audit.component import Generator, Scorer
from audit.errors import PluginError, SpecError
from audit.fitting import check_likeness, check_people, check_requirements
from audit.images import encode_png
from audit.planted_audit import PHANTOM_CLIP
from audit.scorers.pixels import PixelStatistics
from audit.spec import LikenessBasis, parse_spec
from audit.testing import disc

TODAY = date(2026, 5, 17)
TESTS = Path(__file__).parents[1]


def basis(expires: date) -> LikenessBasis:
    return LikenessBasis(**LIKENESS, expires=expires)


# ------------------------------------------------------------------------------------------------- the check


def test_without_a_basis_nothing_recognises() -> None:
    with pytest.raises(SpecError, match=r"scorers\.face: it tells persons apart.*likeness: \{who: "):
        check_likeness(None, {"face": Embedding()}, TODAY)


def test_a_basis_ends_with_its_last_day() -> None:
    check_likeness(basis(TODAY), {"face": Embedding()}, TODAY)
    check_likeness(basis(TODAY + timedelta(days=1)), {"face": Embedding()}, TODAY)
    with pytest.raises(SpecError, match=r"likeness\.expires: the basis ended on 2026-05-16; renew it .* remove face"):
        check_likeness(basis(TODAY - timedelta(days=1)), {"face": Embedding()}, TODAY)


def test_what_recognises_must_keep_it_in_memory_whatever_the_basis() -> None:
    for given in (None, basis(TODAY)):
        with pytest.raises(PluginError, match=r"scorers\.face: .*must set `in_memory`"):
            check_likeness(given, {"pixels": PixelStatistics(), "face": Careless()}, TODAY)


class Derived(Careless):
    """Stored, and made of what is never stored."""

    recognises_people = False

    def requires(self) -> tuple[str, ...]:
        return ("face",)


def test_nothing_made_of_what_is_never_stored_is_stored() -> None:
    with pytest.raises(PluginError, match=r"scorers\.derived: what face says must not be stored; .*`in_memory`"):
        check_requirements({"face": Embedding(), "derived": Derived()})
    check_requirements({"face": Careless(), "derived": Derived()})


def test_audits_that_recognise_nobody_need_no_basis_and_may_hold_an_old_one() -> None:
    check_likeness(None, {"pixels": PixelStatistics()}, TODAY)
    check_likeness(basis(TODAY - timedelta(days=900)), {"pixels": PixelStatistics()}, TODAY)


@pytest.mark.parametrize(
    ("likeness", "fault"),
    [
        ({**LIKENESS, "expires": "2027-01-01", "consent": "yes"}, r"likeness\.consent"),
        ({**LIKENESS, "expires": "soon"}, r"likeness\.expires"),
        ({**LIKENESS, "expires": "2027-01-01", "purpose": "  "}, r"likeness\.purpose"),
        ({k: v for k, v in LIKENESS.items() if k != "authority"} | {"expires": "2027-01-01"}, r"likeness\.authority"),
        (LIKENESS, r"likeness\.expires"),
        ("yes", "likeness"),
    ],
)
def test_a_basis_says_who_by_what_right_what_for_and_until_when(likeness: object, fault: str) -> None:
    with pytest.raises(SpecError, match=fault):
        parse_spec({"name": "a", "generators": [{"use": "fake"}], "likeness": likeness})


class Reads(Scorer):
    """Infers attributes of people."""

    infers_people = True

    def columns(self):
        return ()

    def open(self, device: str):
        raise NotImplementedError


class Photographs(Generator):
    """Images of a stated origin, or none."""

    basis: str = ""

    def accepts(self):
        return ()

    def open(self, device: str):
        raise NotImplementedError

    def subject_basis(self) -> str:
        return self.basis


def test_who_looks_decides_whether_a_basis_is_needed() -> None:
    scorers = {"reads": Reads(), "pixels": PixelStatistics()}
    check_people({"photos": Photographs()}, scorers, {"photos": ("pixels",)})  # a reference that nobody's attributes need
    check_people({"photos": Photographs(basis="staff, in writing")}, scorers, {"photos": ("pixels", "reads")})
    with pytest.raises(SpecError, match=r"generators\.photos: reads would infer .* set params\.subject_basis"):
        check_people({"photos": Photographs()}, scorers, {"photos": ("pixels", "reads")})


# ------------------------------------------------------------------------------------- as a user meets it


@pytest.fixture
def plan(tmp_path: Path, plant_plugins):
    """``imgaudit plan`` on a spec, with the plugins of an outside distribution; gives its exit code and stderr."""
    planted = plant_plugins(
        tmp_path / "site",
        generators={"fake": "audit.testing:FakeGenerator"},
        scorers={"embedding": "recognising_plugins:Embedding", "careless": "recognising_plugins:Careless"},
    )

    def called(**spec: object) -> tuple[int, str]:
        (tmp_path / "audit.yaml").write_text(yaml.safe_dump({"name": "basis", "metrics": [{"use": "outcomes"}], **spec}))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(planted), str(TESTS)]), "COLUMNS": "200"}
        done = subprocess.run(
            [sys.executable, "-m", "audit", "plan", "audit.yaml"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    return called


def drawn(scorer: str, **more: object) -> dict[str, object]:
    return {"generators": [{"use": "fake"}], "probes": [{"use": "traits"}], "scorers": [{"use": scorer}], **more}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (drawn("embedding"), "error: scorers.embedding: it tells persons apart"),
        (drawn("embedding", likeness={**LIKENESS, "expires": "2020-02-29"}), "error: likeness.expires: the basis ended"),
        (drawn("careless", likeness={**LIKENESS, "expires": "2999-01-01"}), "error: scorers.careless: what recognises"),
        (drawn("embedding", likeness={**LIKENESS, "until": "2999-01-01"}), "likeness.until"),
    ],
)
def test_plan_refuses_in_one_line(plan, spec: dict[str, object], told: str) -> None:
    code, err = plan(**spec)
    assert code == 2
    assert told in err
    assert len([line for line in err.splitlines() if line.startswith("error")]) == 1


def test_plan_accepts_a_basis_that_holds_today(plan) -> None:
    today = datetime.now(UTC).date()
    code, err = plan(**drawn("embedding", likeness={**LIKENESS, "expires": str(today + timedelta(days=1))}))
    assert (code, err) == (0, "")


PEOPLE = {
    "attributes": [{"use": "faces"}, {"use": "attributes"}],
    "zero_shot": [
        {"use": "clip", "params": {"pack": PHANTOM_CLIP}},
        {"use": "zero_shot", "params": {"pack": PHANTOM_CLIP, "labels": {x: [f"a {x} person"] for x in ("old", "young")}}},
    ],
    "skin_tone": [{"use": "faces"}, {"use": "skin_tone"}],
}


@pytest.mark.parametrize("scorer", PEOPLE)
def test_photographs_of_unknown_origin_are_not_looked_at(plan, tmp_path: Path, scorer: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(encode_png(disc(1, 64)))
    code, err = plan(generators=[{"use": "folder", "params": {"path": "images"}}], scorers=PEOPLE[scorer])
    if f"no plugin '{scorer}'" in err or "needs " in err:
        pytest.skip(f"the scorer {scorer} is not installed here: {err.strip()}")
    assert code == 2
    assert f"error: generators.folder: {scorer} would infer attributes of people in images of unknown origin" in err
    assert "set params.subject_basis" in err
