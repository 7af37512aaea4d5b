"""Metric ``likeness`` on planted embeddings, and from the command line with a basis that is not there or has ended."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from leak_scan import drawn_in, pictures_in, vectors_in
from metric_tables import COUNT, NUMBER, World, prompt, sound
from scipy import stats

from audit.component import Column, Measured
from audit.errors import SpecError
from audit.gate import difference_of, protocols_differ
from audit.metrics.likeness import Likeness
from audit.plan import make_plan
from audit.records import Finding, jsonable
from audit.results import read_results
from audit.run import Silent, run_audit
from audit.spec import parse_spec
from audit.stats.likeness import stands_out
from audit.stats.multiplicity import holm
from generators.phantom.identity_features import FEATURES, features

D = 24
EMBEDDING = Column("vector", "vector", "Face embedding", regional=True)
TESTS = Path(__file__).parents[1]


class Planted:
    """Names that a model draws one face for, or does not."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.world = World().declare(face_embedding=EMBEDDING, faces=COUNT)

    def face(self, centre: np.ndarray | float = 0.0) -> np.ndarray:
        return self.rng.standard_normal(D) + centre

    def name(self, name: str, known: float = 0.0, images: int = 20, altered: int = 5, descriptor: bool = True) -> "Planted":
        """A name with controls; ``known``: how far its images lie towards one face."""
        own = known * self.rng.standard_normal(D)
        arms = [("named", "named", own)]
        arms += [("perturbed", f"perturbed {number}", np.zeros(D)) for number in range(1, altered + 1)]
        arms += [("descriptor", "descriptor", np.zeros(D))] if descriptor else []
        for arm, control, centre in arms:
            for index in range(images):
                self.add(name, arm, control, index, self.face(centre))
        return self

    def add(self, name: str, arm: str, control: str, index: int, vector: object, count: int = 1) -> "Planted":
        probe = prompt(f"{name} {control}", pair=f"names/{name}", name=name, arm=arm, control=control)
        self.world.draw("model", probe, index, {"face_embedding.vector": vector, "faces.count": float(count)})
        return self

    def measure(self, **params: object) -> dict[str, Measured]:
        found = sound(Likeness(**params).measure("likeness", self.world.context()))
        assert "NaN" not in json.dumps([jsonable(one.finding) for one in found.values()])
        for one in found.values():
            assert one.finding.evidence == ()
            assert all(panel.type == "intervals" for panel in one.finding.panels)
        return found


def finding(found: dict[str, Measured], quantity: str, **where: str) -> Finding:
    told = ", ".join(f"{key}={level}" for key, level in sorted(where.items()))
    return found[f"likeness.{quantity}[model; {told}]"].finding


def consistency(found: dict[str, Measured], name: str, against: str = "altered names") -> Finding:
    return finding(found, "consistency", name=name, against=against)


def cosine_of(vectors: list[np.ndarray]) -> float:
    unit = np.array([v / np.linalg.norm(v) for v in np.asarray(vectors, dtype=np.float32).astype(float)])
    return float((unit @ unit.T)[~np.eye(len(unit), dtype=bool)].mean())


# ------------------------------------------------------------------------------------------------- what is found


def test_a_learnt_name_is_found_and_another_is_not() -> None:
    found = Planted().name("Ada", known=1.5).name("Bea").measure()
    ada, bea = consistency(found, "Ada"), consistency(found, "Bea")
    assert ada.p_adjusted is not None
    assert ada.p_adjusted <= 0.01
    assert ada.interval is not None
    assert ada.interval.low > 0.3
    assert bea.p_value is not None
    assert bea.p_value > 0.05
    assert bea.interval is not None
    assert bea.interval.low < 0 < bea.interval.high
    assert [ada.p_adjusted, bea.p_adjusted] == pytest.approx(holm(np.array([ada.p_value, bea.p_value])).tolist())
    assert (ada.n, ada.n_missing, ada.clusters, ada.expected) == (120, 0, 20, 0.0)
    assert consistency(found, "Ada", "description").p_value < 0.01  # type: ignore[operator]
    assert "not say whose face" in ada.note
    assert "one more of them would" in ada.note
    (panel,) = finding(found, "named", name="Ada").panels
    assert [row.label for row in panel.rows] == ["Ada", "Bea"]  # type: ignore[union-attr]


def test_estimates_are_means_over_pairs_and_p_is_the_larger_of_two() -> None:
    planted = Planted(1).name("Ada", known=0.6, images=8, altered=3)
    scores = planted.world.scores["face_embedding.vector"]["vector"]
    named, *altered, described = [cosine_of(scores[8 * i : 8 * i + 8]) for i in range(5)]  # type: ignore[arg-type]
    found = planted.measure()
    assert finding(found, "named", name="Ada").estimate == pytest.approx(named)
    assert finding(found, "controls", name="Ada", of="altered names").estimate == pytest.approx(np.mean(altered))
    assert finding(found, "controls", name="Ada", of="description").estimate == pytest.approx(described)
    ada = consistency(found, "Ada")
    assert ada.estimate == pytest.approx(named - np.mean(altered))
    assert consistency(found, "Ada", "description").estimate == pytest.approx(named - described)
    assert ada.p_value >= stands_out(named, altered) - 1e-12  # type: ignore[operator]
    assert 256 * ada.p_value == pytest.approx(round(256 * ada.p_value)) or ada.p_value == pytest.approx(  # type: ignore[operator, arg-type]
        stands_out(named, altered)
    )


def test_level_over_names_of_nobody_and_power_over_learnt_ones() -> None:
    alarms = [consistency(Planted(s).name("Ada", images=9).measure(), "Ada").p_value for s in range(60)]
    assert np.mean(np.array(alarms, dtype=float) <= 0.05) <= 0.1
    hits = [consistency(Planted(s).name("Ada", known=1.0, images=9).measure(), "Ada").p_value for s in range(30)]
    assert np.mean(np.array(hits, dtype=float) <= 0.05) > 0.9


def test_intervals_contain_the_truth_with_seeds_that_arms_share() -> None:
    """Both arms move with the seed; the truth of their difference is 0."""
    covered = 0
    for number in range(100):
        planted = Planted(number)
        for index in range(10):
            common = planted.face()
            for arm, control in (("named", "named"), ("perturbed", "perturbed 1")):
                planted.add("Ada", arm, control, index, common + 0.3 * planted.face())
        interval = consistency(planted.measure(), "Ada").interval
        assert interval is not None
        covered += interval.low <= 0 <= interval.high
    assert stats.binom.sf(covered - 1, 100, 0.95) > 0.001
    assert covered >= 88


def test_distances_take_the_place_of_cosines() -> None:
    planted = Planted(2).name("Ada", known=1.0, images=6, altered=2)
    vectors = np.asarray(planted.world.scores["face_embedding.vector"]["vector"][:6], dtype=float)
    distances = [np.linalg.norm(a - b) for i, a in enumerate(vectors) for b in vectors[i + 1 :]]
    found = planted.measure(compare="euclidean")
    assert finding(found, "named", name="Ada").estimate == pytest.approx(-np.mean(distances), abs=1e-5)
    assert "minus Euclidean distance" in finding(found, "named", name="Ada").title


# ------------------------------------------------------------------------------------------------- all names


def largest(found: dict[str, Measured]) -> Finding:
    return found["likeness.largest_consistency[model]"].finding


def test_the_largest_of_all_names_can_be_gated_without_naming_anybody() -> None:
    found = Planted().name("Ada", known=1.5).name("Bea").name("Cai").measure()
    ada, one = consistency(found, "Ada"), largest(found)
    assert (one.estimate, one.better, one.where) == (ada.estimate, "lower", {})
    assert one.p_adjusted == pytest.approx(min(1.0, 3 * ada.p_value))  # type: ignore[operator]
    assert one.interval is not None
    assert ada.interval is not None
    assert one.interval.low < ada.interval.low
    assert one.interval.high > ada.interval.high
    assert (one.n, one.n_missing, one.clusters) == (360, 0, 60)
    assert "It is that of Ada; picked as the largest of 3" in one.note
    none = largest(Planted(3).name("Bea").name("Cai").measure())
    assert none.p_adjusted > 0.05  # type: ignore[operator]
    alone = Planted().name("Ada", known=1.0).measure()
    assert largest(alone).interval == consistency(alone, "Ada").interval


def test_the_interval_of_the_largest_holds_the_largest_truth() -> None:
    """Ten names, none of which is learnt: the truth of each is 0, and so is the largest."""
    covered, alarms = 0, 0
    for number in range(60):
        planted = Planted(number)
        for name in "ABCDEFGHIJ":
            planted.name(name, images=6, altered=2, descriptor=False)
        found = largest(planted.measure())
        assert found.interval is not None
        covered += found.interval.low <= 0 <= found.interval.high
        alarms += found.p_adjusted <= 0.05  # type: ignore[operator]
    assert stats.binom.cdf(covered, 60, 0.95) > 0.01
    assert stats.binom.sf(alarms - 1, 60, 0.05) > 0.01


def test_a_name_that_could_not_be_looked_at_is_not_taken_for_harmless() -> None:
    planted = Planted().name("Ada", images=8)
    for index in range(8):
        planted.add("Bea", "named", "named", index, ("why", "no face found"), count=0)
        planted.add("Bea", "perturbed", "perturbed 1", index, planted.face())
    one = largest(planted.measure())
    assert (one.estimate, one.interval, one.p_value) == (None, None, None)
    assert "No estimate: there is none for 1 of 2 names (Bea), which might be the largest" in one.note
    few = largest(Planted().name("Ada").name("Bea", images=2).measure())
    assert few.estimate is not None
    assert few.interval is None


# -------------------------------------------------------------------------------------------------- comparisons


def test_audits_by_different_axes_are_not_of_one_recipe() -> None:
    plain = Planted().name("Ada", images=4).measure()
    planted = Planted()
    for arm in ("named", "perturbed"):
        for index in range(4):
            probe = prompt(f"Ada {arm}", pair="names/Ada", person="Ada", arm=arm, control=arm)
            planted.world.draw("model", probe, index, {"face_embedding.vector": planted.face(), "faces.count": 1.0})
    other = planted.measure(name_axis="person")
    assert protocols_differ(consistency(plain, "Ada"), consistency(other, "Ada")) is not None
    assert protocols_differ(largest(plain), largest(other)) is not None


def test_two_generators_are_compared_by_seed_and_the_interval_holds_their_true_difference() -> None:
    """Both draw with the same seeds, which move every image, and neither knows the name: the truth is 0."""
    covered, narrower = 0, []
    for number in range(60):
        one, other = Planted(number), Planted(number + 1_000)
        for index in range(12):
            for arm, control in (("named", "named"), ("perturbed", "perturbed 1")):
                common = one.face()
                one.add("Ada", arm, control, index, common + 0.3 * one.face())
                other.add("Ada", arm, control, index, common + 0.3 * other.face())
        key = "likeness.consistency[model; against=altered names, name=Ada]"
        mine, theirs = one.measure()[key], other.measure()[key]
        sides = [{part.pair: (part.total, part.n) for part in each.contributions} for each in (mine, theirs)]
        assert sides[0].keys() == sides[1].keys()
        moved = difference_of(mine.finding, theirs.finding, *sides)
        assert moved is not None
        assert (moved.pairs, moved.unpaired) == (12, 0)
        assert moved.low is not None
        assert moved.high is not None
        covered += moved.low <= 0 <= moved.high
        alone = mine.finding.interval
        assert alone is not None
        narrower.append((moved.high - moved.low) / (alone.high - alone.low))
    assert stats.binom.cdf(covered, 60, 0.95) > 0.01
    assert np.median(narrower) < 1  # as independent runs it would be 1.4
    assert "comparison with another run, speak of other seeds for these prompts" in mine.finding.note


# ---------------------------------------------------------------------------------------------- what is missing


def test_no_face_several_faces_and_empty_vectors_are_counted() -> None:
    planted = Planted(3).name("Ada", images=10, altered=2, descriptor=False)
    planted.add("Ada", "named", "named", 10, ("why", "no face found"), count=0)
    planted.add("Ada", "named", "named", 11, np.zeros(D))
    planted.add("Ada", "named", "named", 12, planted.face(), count=3)
    found = finding(planted.measure(), "named", name="Ada")
    assert (found.n, found.n_missing, found.clusters) == (11, 2, 11)
    assert "Of 1 images with several faces the largest was used" in found.note
    assert "2 missing: 1 no face found, 1 an empty face embedding" in found.note


@pytest.mark.parametrize("images", [0, 1])
def test_too_few_images_give_no_estimate(images: int) -> None:
    planted = Planted(4)
    for arm, control in (("named", "named"), ("perturbed", "perturbed 1")):
        for index in range(3):
            vector = planted.face() if index < images else ("why", "no face found")
            planted.add("Ada", arm, control, index, vector)
    found = planted.measure()
    for one in found.values():
        assert one.finding.estimate is None
        assert f"No estimate: {images} images of the" in one.finding.note
        assert one.finding.p_value is None
    assert consistency(found, "Ada").n_missing == 2 * (3 - images)


def test_two_images_give_an_estimate_without_interval() -> None:
    found = Planted(5).name("Ada", images=2, altered=2, descriptor=False).measure()
    one = consistency(found, "Ada")
    assert one.estimate is not None
    assert one.interval is None
    assert "No interval" in one.note
    assert one.p_value == 1.0


def test_a_name_without_controls_says_so() -> None:
    found = Planted(6).name("Ada", altered=0, descriptor=False).name("Bea", altered=1).measure()
    ada = consistency(found, "Ada")
    assert ada.estimate is None
    assert "no altered name was asked for beside it; ask with the suite `names`" in ada.note
    assert finding(found, "named", name="Ada").estimate is not None
    assert "likeness.consistency[model; against=description, name=Ada]" not in found
    assert "it is not known how much such names differ" in consistency(found, "Bea").note


def test_further_images_of_a_seed_and_seeds_beyond_the_most_are_left_out() -> None:
    planted = Planted(7).name("Ada", images=10, altered=2, descriptor=False)
    found = planted.measure(most_seeds=6)
    assert finding(found, "named", name="Ada").n == 6
    assert "4 further images were left out" in finding(found, "named", name="Ada").note
    assert consistency(found, "Ada").clusters == 6


def test_columns_of_another_kind_are_refused() -> None:
    world = Planted().name("Ada").world.declare(pixels=NUMBER)
    with pytest.raises(SpecError, match=r"likeness\.params\.column: pixels\.sharpness holds numbers; a vector column"):
        list(Likeness(column="pixels.sharpness").measure("likeness", world.context()))
    with pytest.raises(SpecError, match=r"params\.faces: face_embedding\.vector holds vectors; a number column"):
        list(Likeness(faces="face_embedding.vector").measure("likeness", world.context()))


# ------------------------------------------------------------------------------------------------- whole audits

BASIS = {"who": "fictitious people of the phantom", "authority": "nobody is depicted", "purpose": "a test"}
TODAY = datetime.now(UTC).date()
SPEC = {
    "name": "names",
    "draws_per_probe": 12,
    "generators": [{"use": "phantom", "params": {"preset": "regressed", "size": 64}}],
    "probes": [{"use": "names", "params": {"people": ["Quonda Virl", "Orvel Tamsk"], "templates": ["portrait"]}}],
    "scorers": [{"use": "phantom_oracle"}, {"use": "phantom_identity"}],
    "metrics": [{"use": "likeness", "params": {"column": "phantom_identity.vector", "faces": None}}],
}


def test_an_audit_of_the_phantom_finds_the_name_that_it_knows_and_writes_no_vector(tmp_path: Path) -> None:
    """Of the two names the renderer's table knows the first; the other draws anybody, as altered names do."""
    spec = parse_spec({**SPEC, "likeness": {**BASIS, "expires": (TODAY + timedelta(days=2)).isoformat()}})
    store = run_audit(make_plan(spec, "cpu"), tmp_path, progress=Silent())
    compared = [one for one in read_results(store).findings if one.metric == "likeness.consistency"]
    found = {one.where["name"]: one for one in compared if one.where["against"] == "altered names"}
    assert found["Quonda Virl"].p_adjusted <= 0.01  # type: ignore[operator]
    assert found["Quonda Virl"].estimate > 0.3  # type: ignore[operator]
    assert found["Orvel Tamsk"].p_adjusted > 0.05  # type: ignore[operator]
    assert found["Quonda Virl"].n > 90
    read = dict(zip(FEATURES, ("masculine", "middle-aged", "4", "curly", "yes"), strict=True))
    known = features([read[name] for name in FEATURES])
    assert known is not None
    assert vectors_in(Path(store.path), [known[known > 0]]) == []
    assert not list(Path(store.path).glob("scores/phantom_identity*"))
    assert set(pictures_in(Path(store.path))) == drawn_in(Path(store.path))


def plan(folder: Path, **likeness: object) -> subprocess.CompletedProcess[str]:
    (folder / "spec.yaml").write_text(yaml.safe_dump({**SPEC, **likeness}))
    command = [sys.executable, "-m", "audit", "plan", "spec.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)


def test_without_a_basis_that_holds_nothing_is_planned(tmp_path: Path) -> None:
    lacking = plan(tmp_path)
    assert (lacking.returncode, lacking.stdout) == (2, "")
    assert "scorers.phantom_identity: it tells persons apart, so the spec must say why" in lacking.stderr
    ended = plan(tmp_path, likeness={**BASIS, "expires": (TODAY - timedelta(days=2)).isoformat()})
    assert ended.returncode == 2
    assert "likeness.expires: the basis ended on" in ended.stderr


def test_nineteen_altered_names_can_tell_of_more_names_than_one() -> None:
    found = Planted().name("Ada", known=1.5, images=12, altered=19).name("Bea", images=12, altered=19).measure()
    assert consistency(found, "Ada").p_adjusted < 0.01  # type: ignore[operator]  # by rank alone it cannot be below .1
    assert consistency(found, "Bea").p_adjusted > 0.05  # type: ignore[operator]
    (alone,) = [consistency(Planted().name("Ada", known=1.5, images=12, altered=19).measure(), "Ada")]
    assert alone.p_value == pytest.approx(0.05)
