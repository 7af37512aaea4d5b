"""The metric ``phantom_truth``: it finds what was planted, and says so where the truth is another."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from metric_tables import World, latent, prompt, sound
from phantom_banks import perfect_bank
from pydantic import ValidationError

from audit.component import Column, Context, Measured
from audit.errors import AuditError, InputError, SpecError
from audit.metrics.sample import Sample
from audit.records import ClassLabel, Probe
from generators.phantom import recovery
from generators.phantom.bank import stated
from generators.phantom.held import Held
from generators.phantom.known import Known, mixed, of_table
from generators.phantom.recovery import PhantomTruth
from generators.phantom.renderer import Phantom as Renderer
from generators.phantom.sampling import sample
from generators.phantom.truth import TruthTable, preset, read_truth
from probes.phantom import Phantom

ORACLE = Column("perceived_presentation", "label", "Perceived presentation", levels=("feminine", "masculine"))
PATH = "phantom_oracle.perceived_presentation"
GROUPS = {
    "care": ("nurse", "painter", "scientist", "doctor"),
    "craft": ("builder", "firefighter", "pilot", "police officer"),
}
REGRESSED = Path("generators/phantom/data/regressed.toml")


def world_of(table: TruthTable, probes: tuple[Probe, ...], draws: int, generator: str = "model") -> World:
    """What an errorless oracle reads in scenes that the table gives."""
    world = World().declare(phantom_oracle=ORACLE)
    for number, probe in enumerate(probes):
        for index in range(draws):
            rng = np.random.default_rng([number, index])
            shown = sample(table, rng, stated(probe)).shown
            world.draw(generator, probe, index, {PATH: shown.presentation if shown.people else ("why", "nobody")})
    return world


def measured(metric: PhantomTruth, context: Context) -> dict[str, Measured]:
    return sound(metric.measure("phantom_truth", context))


@pytest.fixture(scope="module")
def skewed() -> Context:
    frames = ("a photo of", "a portrait of", "a picture of", "a portrait photo of", "a candid snapshot:", "")
    probes = Phantom(templates=tuple(f"{frame} {{a person}}".strip() for frame in frames)).probes()
    return world_of(preset("skewed"), probes, 12).context()


def without_copies(folder: Path) -> TruthTable:
    """``regressed`` with the missing people as its only defect."""
    text = (Path(__file__).parents[2] / REGRESSED).read_text(encoding="utf-8")
    path = folder / "missing.toml"
    path.write_text(text.partition("[defects.copies]")[0])
    return read_truth(path)


# ---------------------------------------------------------------------------------------------------- it finds


def test_planted_shares_are_found_by_occupation_and_between_groups(skewed: Context) -> None:
    found = measured(PhantomTruth(tables={"model": "skewed"}, groups=GROUPS), skewed)
    nurse = found["phantom_truth.share[model; occupation=nurse]"].finding
    assert nurse.interval is not None
    assert nurse.interval.low <= 0.95 <= nurse.interval.high
    assert nurse.note.startswith("True share 95.0 %, exact; the estimate is ")
    assert "the interval contains it" in nurse.note
    apart = found["phantom_truth.difference[model; against=craft, group=care]"].finding
    assert apart.interval is not None
    assert apart.interval.low <= (0.95 + 0.85 + 0.75 + 0.7 - 0.05 - 0.15 - 0.25 - 0.3) / 4 <= apart.interval.high
    assert "True difference 62.5 points; the interval contains it" in apart.note
    error = found["phantom_truth.error[model]"].finding
    assert error.interval is not None
    assert error.interval.low <= 0 <= error.interval.high
    assert error.expected == 0
    contained = found["phantom_truth.contained[model]"].finding
    assert contained.estimate == 1
    assert (contained.n, contained.clusters) == (13, 13)
    assert contained.interval is not None
    assert contained.interval.low == pytest.approx(13 / (13 + 1.959964**2))  # Wilson's at k = n


def test_the_panel_holds_measured_against_true(skewed: Context) -> None:
    found = measured(PhantomTruth(tables={"model": "skewed"}, groups=GROUPS), skewed)
    (panel,) = found["phantom_truth.share[model]"].finding.panels
    assert panel.type == "intervals"
    truths = {row.label: row.truth for row in panel.rows}
    assert len(truths) == 1 + 13 + 2
    assert truths["nurse"] == pytest.approx(0.95)
    assert truths["builder"] == pytest.approx(0.05)
    assert truths["person"] == pytest.approx(preset("skewed").share("presentation", "feminine", {"people": 1}))
    assert truths["care"] == pytest.approx((0.95 + 0.85 + 0.75 + 0.7) / 4)
    assert "contain" not in panel.summary  # the report counts; twice would be once too often


def test_a_wrong_table_is_found_out(skewed: Context) -> None:
    found = measured(PhantomTruth(tables={"model": "even"}, groups=GROUPS), skewed)
    contained = found["phantom_truth.contained[model]"].finding
    assert contained.interval is not None
    assert contained.interval.high < 0.95
    nurse = found["phantom_truth.share[model; occupation=nurse]"].finding
    assert "True share 50.0 %" in nurse.note
    assert "does not contain it" in nurse.note
    assert "does not contain it" in found["phantom_truth.difference[model; against=craft, group=care]"].finding.note


def test_an_attribute_other_than_presentation(tmp_path: Path) -> None:
    world = World().declare(phantom_oracle=Column("tone_band", "label", levels=("light", "medium", "dark")))
    for index in range(40):
        level = ("light", "medium", "dark")[index % 5 // 2]
        world.draw("model", prompt("a photo of a judge", occupation="judge"), index, {"phantom_oracle.tone_band": level})
    metric = PhantomTruth(tables={"model": "skewed"}, attribute="tone_band", level="light")
    metric.check()
    judge = measured(metric, world.context())["phantom_truth.share[model; occupation=judge]"].finding
    assert "True share 66.0 %, exact; the estimate is -26.0 points off" in judge.note
    assert "does not contain it" in judge.note


# -------------------------------------------------------------------------------------------------- what counts


def test_prompts_that_state_more_than_an_occupation_do_not_count() -> None:
    grid = Phantom(counterfactual=True, occupations=("nurse",)).probes()
    found = measured(PhantomTruth(tables={"model": "skewed"}), world_of(preset("skewed"), grid, 4).context())
    silent = [probe for probe in grid if probe.levels["facts"] != "one"]
    finding = found["phantom_truth.share[model]"].finding
    assert finding.n == 4 * len(silent)
    assert finding.n_missing == 0


def test_who_is_missing_is_counted_and_the_truth_is_that_of_those_who_can_be_seen(tmp_path: Path) -> None:
    table = without_copies(tmp_path)
    seen = of_table(table, "presentation", "feminine")(prompt("a nurse"))
    assert seen.value == pytest.approx(0.5 * (1 - 0.1 / 3) / (1 - 0.5 * 0.1 / 3))
    context = world_of(table, (prompt("a photo of a nurse", occupation="nurse"),), 600).context()
    metric = PhantomTruth(tables={"model": str(tmp_path / "missing.toml")})
    finding = measured(metric, context)["phantom_truth.share[model; occupation=nurse]"].finding
    assert finding.n + finding.n_missing == 600
    assert finding.n_missing == pytest.approx(600 * 0.5 * 0.1 / 3, abs=10)
    assert "nobody" in finding.note


@pytest.mark.parametrize("text", ["", "a judge", "someone behind", "a chef", "a photo of a dog"])
def test_the_truth_of_a_table_is_what_long_runs_of_it_show(text: str, tmp_path: Path) -> None:
    table, asked = without_copies(tmp_path), prompt(text)
    shown = [sample(table, np.random.default_rng([9, i]), stated(asked)).shown for i in range(4000)]
    hits = [portrait.presentation == "feminine" for portrait in shown if portrait.people]
    truth = of_table(table, "presentation", "feminine")(asked).value
    assert np.mean(hits) == pytest.approx(truth, abs=4 * (0.25 / len(hits)) ** 0.5)


def test_latents_have_a_truth_too() -> None:
    world = World().declare(phantom_oracle=ORACLE)
    for index in range(60):
        world.draw("model", latent(), index, {PATH: "feminine" if index % 2 else "masculine"})
    finding = measured(PhantomTruth(tables={"model": "even"}), world.context())["phantom_truth.share[model]"].finding
    assert finding.n == 60
    assert "True share 50.0 %, exact; the estimate is +0.0 points off" in finding.note


def test_prompts_of_unknown_truth_are_counted_as_missing(skewed: Context) -> None:
    def ask(probe: Probe) -> Known:
        if stated(probe).get("occupation") == "nurse":
            raise InputError("nobody asked this")
        return Known(0.5, 0.5, 0.5)

    held = Held.of(Sample.of(skewed, "model"), PATH, "feminine", ask)
    whole, *cells = held.cells()
    nurse = next(cell for cell in cells if cell.level == "nurse")
    assert held.known(nurse) is None
    assert set(held.scores.reason[nurse.mask]) == {"the truth of such a prompt is not known"}
    known = held.known(whole)
    assert known is not None
    assert (known.value, known.low, known.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_truth_with_an_error_widens_the_error_of_the_estimate_and_nothing_else(skewed: Context) -> None:
    ends = []
    prompts = 6  # of an occupation; the error of each is its own
    for half in (0.0, 0.2):
        held = Held.of(
            Sample.of(skewed, "model"),
            PATH,
            "feminine",
            lambda _, half=half * prompts**0.5: Known(0.5, 0.5 - half, 0.5 + half),
        )
        quantity = PhantomTruth(tables={"model": "even"})._quantity("phantom_truth", PATH, skewed)
        nurse = next(cell for cell in held.cells() if cell.level == "nurse")
        share = held.share(quantity, nurse).finding
        error = held.error(share, nurse).finding.interval
        assert share.interval is not None
        assert error is not None
        assert share.estimate is not None
        below = share.estimate - share.interval.low
        assert error.low == pytest.approx(share.estimate - 0.5 - (below**2 + half**2) ** 0.5)
        above = share.interval.high - share.estimate
        assert error.high == pytest.approx(share.estimate - 0.5 + (above**2 + half**2) ** 0.5)
        ends.append(share.interval)
    assert ends[0] == ends[1]


def test_errors_of_different_prompts_partly_cancel() -> None:
    one, other = Known(0.2, 0.1, 0.3), Known(0.8, 0.7, 0.9)
    both = mixed([(one, 1), (other, 1)])
    assert both.value == pytest.approx(0.5)
    assert both.high - both.low == pytest.approx(0.2 / 2**0.5)


def test_a_trained_model_is_held_against_its_bank(skewed: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = perfect_bank("skewed", 3000)
    monkeypatch.setattr(recovery, "read_bank", lambda name: {"skewed": bank}[name])
    suite = [probe for probe in Phantom(counterfactual=True).probes() if probe.levels["facts"] in ("none", "placebo")]
    audit = world_of(preset("skewed"), tuple(suite), 4).context()
    found = measured(PhantomTruth(banks={"model": "skewed"}), audit)
    nurses = [probe.condition for probe in suite if probe.levels["occupation"] == "nurse"]
    texts = np.array([probe.condition for probe in bank.probes], dtype=object)[bank.asked]
    levels = bank.level("presentation")
    shares = [(levels[texts == text] == "feminine")[levels[texts == text] != None].mean() for text in nurses]  # noqa: E711
    nurse = found["phantom_truth.share[model; occupation=nurse]"].finding
    assert nurse.n == 4 * 9
    (panel,) = found["phantom_truth.share[model]"].finding.panels
    assert panel.type == "intervals"
    truth = {row.label: row.truth for row in panel.rows}["nurse"]
    assert truth == pytest.approx(np.mean(shares), abs=0.02)  # a draw or two of the pairs share their seed
    assert nurse.note.startswith(f"True share {100 * truth:.1f} %, known to lie within ")
    assert "truth bank 'skewed' of" in found["phantom_truth.error[model]"].finding.protocol
    assert "steps 16" in found["phantom_truth.error[model]"].finding.note
    exact = measured(PhantomTruth(tables={"model": "skewed"}), audit)["phantom_truth.error[model]"].finding.interval
    wide = found["phantom_truth.error[model]"].finding.interval
    assert exact is not None
    assert wide is not None
    assert wide.high - wide.low > exact.high - exact.low


# -------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "name the phantoms under `tables`"),
        ({"tables": {"g": "even"}, "banks": {"g": "even"}}, "'g' stands under both"),
    ],
)
def test_parameters_that_do_not_fit(params: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PhantomTruth(**params)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"tables": {"g": "skewd"}}, "preset 'skewd' is unknown; nearest: skewed"),
        ({"tables": {"g": "absent.toml"}}, "absent.toml: cannot be read"),
        ({"banks": {"g": "evn"}}, "no truth bank 'evn'"),
        ({"tables": {"g": "even"}, "level": "femini"}, "presentation has no level 'femini'; did you mean 'feminine'"),
        ({"tables": {"g": "even"}, "groups": {"a": ["nurs"]}}, "group 'a' has 'nurs'; did you mean 'nurse'"),
    ],
)
def test_what_does_not_exist_is_found_before_any_work(params: dict, words: str) -> None:
    with pytest.raises(AuditError, match=words):
        PhantomTruth(**params).check()


def test_a_generator_that_is_not_audited_is_named_with_the_nearest(skewed: Context) -> None:
    with pytest.raises(SpecError, match=r"no audited generator is named 'modell'; did you mean 'model'\?"):
        measured(PhantomTruth(tables={"modell": "skewed"}), skewed)


def test_nothing_readable_is_no_estimate() -> None:
    world = World().declare(phantom_oracle=ORACLE)
    for index in range(20):
        world.draw("model", prompt("a photo of a nurse", occupation="nurse"), index, {PATH: ("why", "broken")})
    found = measured(PhantomTruth(tables={"model": "even"}, groups=GROUPS), world.context())
    assert all(one.finding.estimate is None for one in found.values())
    assert "20 broken" in found["phantom_truth.share[model]"].finding.note
    difference = found["phantom_truth.difference[model; against=craft, group=care]"].finding
    assert (difference.n, difference.n_missing) == (0, 20)


@pytest.mark.parametrize("attribute", ["mood", "people", "occupation", "monk_tone", "light"])
def test_what_is_no_attribute_of_the_person_in_front_is_refused(attribute: str) -> None:
    with pytest.raises(ValidationError, match="'presentation', 'age', 'tone'"):
        PhantomTruth(tables={"g": "even"}, attribute=attribute)


def test_what_a_bank_was_never_asked_has_no_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "read_bank", lambda _: perfect_bank("skewed", 2000))
    texts = ("a dog", "A portrait photo of a plumber", "a male female nurse", "a photo of a cook")
    probes = [
        *(prompt(text) for text in texts),
        *(Probe(suite="s", condition=ClassLabel(label=0, name=name)) for name in ("3", "tench", "", "old a b")),
    ]
    world = world_of(preset("skewed"), tuple(prompt(text) for text in texts), 3)
    for probe in probes[len(texts) :]:
        for index in range(3):
            world.draw("model", probe, index, {PATH: "feminine"})
    found = measured(PhantomTruth(banks={"model": "skewed"}), world.context())
    finding = found["phantom_truth.share[model]"].finding
    assert (finding.n, finding.estimate) == (0, None)
    assert finding.n_missing == 3 * len(texts)  # classes are not silent at all


PIPELINE = {
    "pipeline": "StableDiffusionPipeline",
    "model": "weight pack phantom-skewed",
    "scheduler": "DPMSolverMultistepScheduler",
    "steps": "8",
    "guidance": "1.0",
}


def settings_of(generator: Renderer) -> dict[str, dict[str, str]]:
    return {"model": generator.settings()}


def test_the_truth_of_the_generator_itself_is_taken() -> None:
    PhantomTruth(tables={"model": "skewed"}).check_generators(settings_of(Renderer(preset="skewed")))
    PhantomTruth(banks={"model": "skewed"}).check_generators({"model": PIPELINE})
    PhantomTruth(banks={"model": "skewed"}).check_generators({"model": PIPELINE | {"model": "a/folder"}})
    for truth in ({"tables": {"images": "even"}}, {"banks": {"images": "even"}}):  # of images nobody knows what drew them
        PhantomTruth.model_validate(truth).check_generators({"images": {"files": "24"}})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": "4"}, "drawn with steps 8, but the generator has steps 4"),
        ({"guidance": "3.0"}, "drawn with guidance 1.0, but the generator has guidance 3.0"),
        ({"scheduler": "EulerDiscreteScheduler"}, "the generator has scheduler EulerDiscreteScheduler"),
        ({"model": "weight pack phantom-even"}, "the generator has model weight pack phantom-even"),
        ({"negative_prompt": "feminine"}, "the generator has negative_prompt feminine"),
    ],
)
def test_a_model_that_is_not_as_its_bank_was_drawn_is_refused(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        PhantomTruth(banks={"model": "skewed"}).check_generators({"model": PIPELINE | changed})


def test_the_truth_of_another_generator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"'even'.* but the generator draws by 'skewed'"):
        PhantomTruth(tables={"model": "even"}).check_generators(settings_of(Renderer(preset="skewed")))
    shipped = Path(str(files("generators.phantom") / "data" / "even.toml")).read_text("utf-8")
    own = tmp_path / "own.toml"
    own.write_text(shipped.replace('about = "', 'about = "Changed. ', 1), "utf-8")
    with pytest.raises(SpecError, match="name the same twice"):
        PhantomTruth(tables={"model": "even"}).check_generators(settings_of(Renderer(truth=own)))
    with pytest.raises(SpecError, match="under `tables`"):
        PhantomTruth(banks={"model": "skewed"}).check_generators(settings_of(Renderer(preset="skewed")))
    with pytest.raises(SpecError, match="no generator is named 'modell'"):
        PhantomTruth(tables={"modell": "even"}).check_generators(settings_of(Renderer(preset="even")))
