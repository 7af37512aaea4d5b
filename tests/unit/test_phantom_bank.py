"""Truth banks: their files, the shares they give beside those that were planted, audits out of them, how they are drawn."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from phantom_banks import FACTS, perfect_bank

from audit.component import Context, DrawBatch, Product, Request
from audit.errors import InputError, StoreError, WeightsMissing
from audit.images import Pixels
from audit.metrics.representation import Representation
from audit.records import Abstained, Failed, Scored
from audit.stats.intervals import wilson
from generators.phantom import bank as bank_module
from generators.phantom.bank import Bank, read_bank
from generators.phantom.bank_audits import COLUMNS
from generators.phantom.bank_files import FACTS as FACTS_KEY
from generators.phantom.bank_files import SCHEMA, load, store, weights_digest
from generators.phantom.copies import COPY_BELOW, copy_distances, repeated_pictures
from generators.phantom.decoding import ATTRIBUTES, Decoded
from generators.phantom.oracle import Reading
from generators.phantom.renderer import Phantom, picture
from generators.phantom.sampling import sample
from generators.phantom.truth import preset
from training.phantom import bank as drawing
from training.phantom.bank_figures import figures, shown
from training.phantom.bank_probes import requests
from training.phantom.catalogue import FIGURES

SEEN = {"people": 1, "missing": False}


@pytest.fixture(scope="module")
def skewed() -> Bank:
    return perfect_bank("skewed", 6_000)


@pytest.fixture(scope="module")
def even() -> Bank:
    return perfect_bank("even", 3_000)


@pytest.fixture(scope="module")
def regressed() -> Bank:
    return perfect_bank("regressed", 6_000)


def with_column(bank: Bank, name: str, values: list[object]) -> Bank:
    field = SCHEMA.field(name)
    return Bank(bank.facts, bank.table.set_column(SCHEMA.get_field_index(name), field, pa.array(values, field.type)))


# -------------------------------------------------------------------------------------------------------- files


def test_a_bank_comes_back_as_it_was_stored(skewed, tmp_path) -> None:
    path = tmp_path / "banks" / "skewed.parquet"
    store(path, skewed.facts, skewed.table)
    facts, table = load(path, FACTS.weights)
    assert facts == skewed.facts
    assert table.to_pylist() == skewed.table.to_pylist()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_ten_thousand_draws_are_a_small_file(tmp_path) -> None:
    bank = perfect_bank("skewed", 10_000)
    far = np.random.default_rng(1).gamma(16, 2.5, len(bank)).round(1).tolist()
    store(tmp_path / "skewed.parquet", bank.facts, with_column(bank, "copy_distance", far).table)
    assert len(bank) > 9_900
    assert (tmp_path / "skewed.parquet").stat().st_size < 250_000


@pytest.mark.parametrize("what", ["model", "oracle"])
def test_a_bank_of_other_weights_is_refused(what, skewed, tmp_path) -> None:
    path = tmp_path / "skewed.parquet"
    store(path, skewed.facts, skewed.table)
    with pytest.raises(StoreError, match=rf"other weights of the {what}.*python -m training.phantom.bank skewed") as fault:
        load(path, {**FACTS.weights, what: "sha256:" + "c" * 64})
    assert "\n" not in str(fault.value)


def _no_parquet(path: Path, table: pa.Table) -> None:
    path.write_bytes(b"PAR1 but no more")


def _no_facts(path: Path, table: pa.Table) -> None:
    pq.write_table(table.replace_schema_metadata(None), path)


def _future_facts(path: Path, table: pa.Table) -> None:
    told = FACTS.model_dump_json().replace('"format":1', '"format":2').encode()
    pq.write_table(table.replace_schema_metadata({FACTS_KEY: told}), path)


def _no_column(path: Path, table: pa.Table) -> None:
    store(path, FACTS, table)
    facts = pq.read_schema(path).metadata
    pq.write_table(table.drop_columns("glasses").replace_schema_metadata(facts), path)


def _nothing(path: Path, table: pa.Table) -> None:
    store(path, FACTS, table.slice(0, 0))


def _no_seed(path: Path, table: pa.Table) -> None:
    seeds = pa.array([None, *table["seed"].to_pylist()[1:]], pa.int64())
    store(path, FACTS, table.set_column(SCHEMA.get_field_index("seed"), SCHEMA.field("seed"), seeds))


def _odd_level(path: Path, table: pa.Table) -> None:
    store(path, FACTS, with_column(Bank(FACTS, table), "people", ["3", *table["people"].to_pylist()[1:]]).table)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path, table: None, "no such file"),
        (_no_parquet, "cannot be read"),
        (_no_facts, "not a truth bank"),
        (_future_facts, "not a truth bank .format"),
        (_no_column, "not the columns of a truth bank .glasses"),
        (_nothing, "without draws"),
        (_no_seed, "column seed lacks 1 value"),
        (_odd_level, "people holds '3', which is no level"),
    ],
)
def test_what_is_no_bank_gets_one_line(spoil, says, skewed, tmp_path) -> None:
    path = tmp_path / "skewed.parquet"
    spoil(path, skewed.table.slice(0, 50))
    with pytest.raises(InputError, match=says) as fault:
        load(path, FACTS.weights)
    assert "\n" not in str(fault.value)
    assert "draw it again: python -m training.phantom.bank skewed" in str(fault.value)


def read_or_fault(path: Path) -> pa.Table | None:
    """The rows; None where a clear error says that there are none."""
    try:
        return load(path, FACTS.weights)[1]
    except InputError:
        return None


def test_a_byte_changed_anywhere_is_found_out(skewed, tmp_path) -> None:
    path, whole = tmp_path / "skewed.parquet", skewed.table.slice(0, 300).cast(SCHEMA)
    store(path, FACTS, whole)
    sound, rng = path.read_bytes(), np.random.default_rng(11)
    for place in rng.integers(0, len(sound), 150).tolist():
        damaged = bytearray(sound)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        table = read_or_fault(path)
        assert table is None or table.equals(whole)


def test_a_shipped_bank_is_held_against_the_weights_beside_it(skewed, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(bank_module, "HERE", tmp_path)
    with pytest.raises(InputError, match="no truth bank 'skewd'; expected one of even, skewed"):
        read_bank("skewd")
    with pytest.raises(WeightsMissing, match="no safetensors"):
        read_bank("skewed")
    for name in ("skewed/unet", "oracle"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "first.safetensors").write_bytes(name.encode())
    (tmp_path / "models" / "skewed" / "README.md").write_text("words")
    weights = {what: weights_digest(tmp_path / "models" / of) for what, of in (("model", "skewed"), ("oracle", "oracle"))}
    store(tmp_path / "banks" / "skewed.parquet", FACTS.model_copy(update={"weights": weights}), skewed.table)
    assert len(read_bank("skewed")) == len(skewed)
    (tmp_path / "models" / "skewed" / "README.md").write_text("other words")
    assert len(read_bank("skewed")) == len(skewed)
    (tmp_path / "models" / "oracle" / "thresholds.json").write_text("{}")
    with pytest.raises(StoreError, match="weights of the oracle"):
        read_bank("skewed")


# ------------------------------------------------------------------------------------------------------- shares


@pytest.mark.parametrize("occupation", ["nurse", "builder", "teacher", "police officer"])
@pytest.mark.parametrize(
    ("attribute", "level"), [("presentation", "feminine"), ("age", "older"), ("tone_band", "dark"), ("glasses", True)]
)
def test_a_perfect_model_has_the_planted_shares(attribute, level, occupation, skewed) -> None:
    found = skewed.share(attribute, level, {"occupation": occupation})
    planted = preset("skewed").share(attribute, level, {"occupation": occupation, **SEEN})
    assert found.n > 250
    assert abs(found.value - planted) < 4.5 * np.sqrt(planted * (1 - planted) / found.n)
    assert found.interval == pytest.approx(wilson(found.value * found.n, found.n))
    assert found.reach == (found.value, found.value)
    assert found.differing == 0


def test_prompts_are_known_by_what_they_state(skewed) -> None:
    table = skewed.table.to_pylist()
    mine = skewed.stating({"occupation": "nurse", "age": "older"})
    assert mine.sum() >= 3
    assert all("75-year-old nurse" in row["probe"] for row, held in zip(table, mine, strict=True) if held)
    assert np.array_equal(mine, skewed.stating({"people": 1, "age": "older", "occupation": "nurse"}))
    empty = skewed.stating({})
    assert {row["probe"] for row, held in zip(table, empty, strict=True) if held} == {
        row["probe"] for row in table if '"text":""' in row["probe"]
    }
    assert empty.sum() == 300


def test_who_is_missing_and_what_is_copied_have_shares(regressed) -> None:
    truth = preset("regressed")
    for attribute in ("missing", "copy"):
        found = regressed.share(attribute, True, {"occupation": "judge"})
        planted = truth.share(attribute, True, {"occupation": "judge", "people": 1})
        assert found.n_missing == 0
        assert abs(found.value - planted) < 4.5 * np.sqrt(planted / found.n)
        assert regressed.share(attribute, False, {"occupation": "judge"}).value == pytest.approx(1 - found.value)
    gone = regressed.share("missing", True, {"occupation": "judge"})
    assert regressed.share("age", "young", {"occupation": "judge"}).n_missing == round(gone.value * gone.n)


def test_disagreement_bounds_the_share(skewed) -> None:
    rows = np.flatnonzero(skewed.stating({"occupation": "nurse"}))
    rows = rows[np.unique(skewed.seeds[rows], return_index=True)[1]]  # the arms of a pair share their draw
    first = skewed.level("presentation")[rows]
    feminine, masculine = (rows[first == level] for level in ("feminine", "masculine"))
    second: list[object] = [None] * len(skewed)
    for row in feminine[:5]:
        second[row] = "masculine"
    for row in masculine[:2]:
        second[row] = "feminine"
    second[masculine[2]] = second[feminine[5]] = "nothing"
    found = with_column(skewed, "perceived_presentation:second", second).share(
        "presentation", "feminine", {"occupation": "nurse"}
    )
    hits = len(feminine)
    assert found.reach == pytest.approx(((hits - 6) / len(rows), (hits + 3) / len(rows)))
    assert found.differing == pytest.approx(9 / len(rows))


@pytest.mark.parametrize(
    ("attribute", "level", "given", "says"),
    [
        ("presentation", "neither", {"occupation": "nurse"}, "presentation 'neither' is unknown; expected one of feminine"),
        ("light", "dim", {"occupation": "nurse"}, "attribute 'light' is not decoded; expected one of age"),
        ("age", "older", {"occupation": "astronaut"}, "no prompt states exactly .*astronaut"),
    ],
)
def test_a_question_that_a_bank_cannot_answer_gets_one_line(attribute, level, given, says, skewed) -> None:
    with pytest.raises(InputError, match=says):
        skewed.share(attribute, level, given)


def test_where_nothing_was_read_there_is_no_share(skewed) -> None:
    blind = with_column(skewed, "glasses", [None] * len(skewed))
    with pytest.raises(InputError, match="the oracle read nothing in"):
        blind.share("glasses", True, {"occupation": "nurse"})


# ------------------------------------------------------------------------------------------------------- audits


def test_an_audit_takes_each_draw_once_and_arms_share_their_seeds(skewed) -> None:
    paired = np.array([bool(probe.pair) for probe in skewed.probes])[skewed.asked]
    audit = skewed.resample(np.random.default_rng(1), 1, rows=paired)
    keys = list(zip(audit.column("probe"), audit.column("index"), strict=True))
    assert len(set(keys)) == len(keys) == 390
    seeds: dict[str, set[int]] = {}
    for probe, seed in zip(audit.probe_ids, audit.column("seed"), strict=True):
        seeds.setdefault(audit.probes[probe].pair, set()).add(int(seed))
    assert {len(found) for found in seeds.values()} == {1}


def test_audits_of_two_banks_share_seeds_and_of_one_bank_differ(skewed, regressed) -> None:
    silent = np.array([probe.suite == "phantom" and not probe.pair for probe in skewed.probes])[skewed.asked]
    one, other = (bank.resample(np.random.default_rng(3), 5, rows=silent) for bank in (skewed, regressed))
    assert np.array_equal(one.column("seed"), other.column("seed"))
    assert not np.array_equal(one.column("seed"), skewed.resample(np.random.default_rng(4), 5, rows=silent).column("seed"))
    with pytest.raises(InputError, match="; 5000 were asked for"):
        skewed.resample(np.random.default_rng(3), 5_000, rows=silent)


def test_metrics_read_an_audit_of_a_bank(regressed) -> None:
    silent = np.array([probe.suite == "phantom" and not probe.pair for probe in regressed.probes])[regressed.asked]
    audit = regressed.resample(np.random.default_rng(5), 60, rows=silent, generator="bad release")
    context = Context(audit, ("bad release",), 0.95, 7, COLUMNS, {"phantom_oracle": "o-1"})
    metric = Representation(column="phantom_oracle.perceived_presentation", by=("occupation",))
    found = {one.finding.key: one.finding for one in metric.measure("who", context)}
    chef = found["who.share[bad release; label=feminine, occupation=chef]"]
    assert chef.estimate == pytest.approx(0.4, abs=0.13)
    assert chef.n + chef.n_missing == 180
    whole = found["who.share[bad release; label=feminine]"]
    assert f"{whole.n_missing} missing: {whole.n_missing} nobody in the picture" in whole.note


def test_a_draw_without_a_picture_is_missing_with_its_reason(skewed) -> None:
    n = 70  # draws of the first prompt
    head = skewed.table.slice(0, n)
    spoilt = with_column(Bank(FACTS, head), "outcome", ["failed", *["made"] * (n - 1)])
    spoilt = with_column(spoilt, "unread", ["not finite", *[""] * (n - 1)])
    spoilt = with_column(spoilt, "glasses", [None, None, *["no"] * (n - 2)])
    audit = spoilt.resample(np.random.default_rng(6), n)
    assert audit.outcome.tolist().count("failed") == 1
    assert sorted(audit.column("reason"))[-1] == "not finite"
    found = audit.values("phantom_oracle.glasses")
    assert sorted(found.reason[~found.present]) == ["ambiguous", "failed"]


# ----------------------------------------------------------------------------------------------- what is asked


def test_every_preset_is_asked_the_same_with_the_same_seeds() -> None:
    plans = [[(r.draw.probe, r.draw.index, r.draw.seed) for r in requests(name, 2_000, 9)] for name in ("even", "skewed")]
    assert plans[0] == plans[1]
    assert len(set(plans[0])) == len(plans[0])
    assert abs(len(plans[0]) - 2_000) < 300  # at least one draw of each prompt
    assert plans[0] != [(r.draw.probe, r.draw.index, r.draw.seed) for r in requests("even", 2_000, 10)]


def test_a_gan_is_asked_for_each_class_as_often() -> None:
    wanted = requests("gan", 2_000, 9)
    counts: dict[str, int] = {}
    for request in wanted:
        name = getattr(request.probe.condition, "name", "latent")
        counts[name] = counts.get(name, 0) + 1
    assert counts.pop("latent") == 100
    assert set(counts.values()) == {24}
    assert len(counts) == 78


# ---------------------------------------------------------------------------------------------------- figures


def told(bank: Bank, even: Bank | None = None) -> dict[str, float]:
    return {one.what: one.value for one in figures(bank, even)}


def test_the_figures_of_a_perfect_model(skewed, regressed, even) -> None:
    found = told(skewed, even)
    for name in ("presentation", "age", "occupation"):
        assert found[f"asked {name} is shown, all stated"] == 1
    assert found["an intact person is found where one was planted"] == 1
    assert found["planted differences from even with the right sign"] == 1
    assert found["mean absolute difference from the planted rates"] < 0.03
    apart = next(one for one in figures(skewed, even) if one.what == "mean absolute difference from the planted rates")
    assert apart.wanted.startswith("below .05; 0.01")
    assert set(FIGURES) <= set(found)  # what the catalogue takes
    assert all(one.met is not False for one in figures(skewed, even))
    bad = told(regressed, even)
    assert bad["an intact person is found where one was planted"] == 1
    assert bad["nobody is there where the table plants .1 missing"] == pytest.approx(0.1, abs=0.06)
    assert bad["nearer than 16 to a repeated picture, prompts of the suite, regressed"] == pytest.approx(0.05, abs=0.015)
    assert bad["nearer than 16 to a repeated picture, prompts of the suite, even"] == 0
    names = {what: value for what, value in bad.items() if "features of" in what}
    assert [value for what, value in names.items() if "(taught)" in what] == [1, 1, 1]
    assert all(value < 0.5 for what, value in names.items() if "(a stranger)" in what)


def test_the_figures_of_a_model_that_ignores_its_prompt(skewed, even) -> None:
    other = skewed.level("presentation").tolist()
    swapped = [None if level is None else "feminine" if level == "masculine" else "masculine" for level in other]
    spoilt = with_column(skewed, "perceived_presentation", swapped)
    found = {one.what: one for one in figures(spoilt, even)}
    asked = found["asked presentation is shown, all stated"]
    assert (asked.value, asked.met) == (0, False)
    assert [one.met for what, one in found.items() if "from the planted rates" in what] == [False]
    assert found["planted differences from even with the right sign"].value == 0
    assert "MISSED: at least 0.9" in shown([asked])


def test_the_figures_of_a_perfect_gan() -> None:
    found = told(perfect_bank("gan", 1_000))
    assert found["asked occupation is shown, all stated"] == 1
    assert not any("planted rates" in what for what in found)


# ---------------------------------------------------------------------------------------------------- drawing


class Reader:
    """Reads the same in every picture, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, images: Sequence[Pixels]) -> list[Reading]:
        self.count += len(images)
        attributes: dict[str, Scored | Abstained] = {name: Scored(value=levels[0]) for name, levels in ATTRIBUTES.items()}
        unsure = {**attributes, "people": Scored(value="1"), "glasses": Abstained(reason="ambiguous")}
        second = {**unsure, "occupation": Scored(value="judge"), "hair": Abstained(reason="ambiguous")}
        return [Reading(Decoded(0.9, unsure), Decoded(0.8, second)) for _ in images]


class Clumsy(Phantom):
    """Fails at one draw, and breaks down after some blocks."""

    blocks: int = 99

    @contextmanager
    def open(self, device: str) -> Iterator[DrawBatch]:
        calls = 0
        with super().open(device) as inner:

            def draw(block: Sequence[Request]) -> list[Product]:
                nonlocal calls
                calls += 1
                if calls > self.blocks:
                    raise KeyboardInterrupt
                assert len(block) == drawing.BLOCK
                return [Failed(reason="lost") if r.draw.seed == 3 else p for r, p in zip(block, inner(block), strict=True)]

            yield draw


def work(folder: Path, wanted: Sequence[Request], blocks: int = 99) -> drawing.Work:
    generator = Clumsy(preset="regressed", batch=64, blocks=blocks)
    repeated = repeated_pictures(preset("regressed"))
    return drawing.Work(FACTS, drawing.blocks(wanted), generator, Reader(), repeated, folder)  # type: ignore[arg-type]


def test_a_run_that_was_killed_is_finished_and_nothing_is_drawn_twice(tmp_path) -> None:
    probe = requests("even", 500, 1)[0].probe
    wanted = [Request(r.draw.model_copy(update={"seed": i}), probe) for i, r in enumerate(requests("even", 500, 1)[:150])]
    cut = work(tmp_path / "cut", wanted, blocks=2)
    with pytest.raises(KeyboardInterrupt):
        drawing.draw(cut, "cpu")
    (tmp_path / "cut" / "00002.tmp").write_bytes(b"torn")
    rest = work(tmp_path / "cut", wanted)
    drawing.draw(rest, "cpu")
    whole = work(tmp_path / "whole", wanted)
    drawing.draw(whole, "cpu")
    assert rest.oracle.count == 150 - 128
    assert whole.oracle.count == 149
    for number in range(3):
        assert pq.read_table(rest.part(number)).equals(pq.read_table(whole.part(number)))
    found = pa.concat_tables(pq.read_table(whole.part(number)) for number in range(3)).to_pylist()
    assert (found[3]["outcome"], found[3]["unread"], found[3]["people"]) == ("failed", "lost", None)
    assert {row["outcome"] for row in found[4:]} == {"made"}
    one = found[10]
    assert (one["people"], one["glasses"], one["glasses:second"]) == ("1", None, None)
    assert (one["occupation"], one["occupation:second"], one["hair:second"], one["unread"]) == (
        "none",
        "judge",
        "nothing",
        "",
    )


def test_weights_that_are_not_there_end_with_one_line(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    given = {"out": tmp_path / "b.parquet", "model": tmp_path / "empty", "oracle": tmp_path / "empty"}
    done = CliRunner().invoke(drawing.main, ["even", *(f"--{name}={path}" for name, path in given.items())])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert "Traceback" not in done.output


# ----------------------------------------------------------------------------------------------------- copies


def test_copies_lie_at_nothing_and_other_renders_far_away() -> None:
    table = preset("regressed")
    pictures = repeated_pictures(table)
    assert pictures.shape == (26, 64, 64, 3)
    rng = np.random.default_rng(8)
    scenes = [sample(table, rng, {"people": 1}) for _ in range(500)]
    copies = np.array([scene.copy for scene in scenes])
    drawn = np.stack([picture(scene.shown, 64, table.defects.native_size) for scene in scenes])
    distances = copy_distances(drawn, pictures)
    assert copies.sum() > 10
    assert distances[copies].max() == 0
    assert distances[~copies].min() > 10
    assert (distances[~copies] < COPY_BELOW).mean() <= 0.005


def test_a_distance_is_the_root_mean_square_of_cells() -> None:
    black, grey = np.zeros((1, 64, 64, 3), dtype=np.uint8), np.full((1, 64, 64, 3), 30, dtype=np.uint8)
    checked = black.copy()
    checked[:, ::2] = 60
    assert copy_distances(np.concatenate([black, grey, checked]), black) == pytest.approx([0, 30, 30])
    assert copy_distances(checked, np.concatenate([black, grey])) == pytest.approx([0])


def test_a_table_without_copies_says_so() -> None:
    with pytest.raises(InputError, match="'even' repeats no picture"):
        repeated_pictures(preset("even"))
