"""References of a spec: in the plan, in the context of metrics, and wrong ones found before any work."""

from pathlib import Path

import pytest

from audit.component import Column
from audit.distributions import planned_references
from audit.errors import InputError, PluginError, SpecError
from audit.measure import measure
from audit.plan import make_plan
from audit.records import Probe, TextPrompt
from audit.spec import AuditSpec, Use, parse_spec
from audit.testing import axes, score_table

SPEC = {"name": "beside", "generators": [{"use": "fake"}], "probes": [{"use": "traits", "params": {"limit": 2}}]}
GENDER = [[Column("perceived_gender", "label", levels=("feminine", "masculine")), Column("sure", "number")]]
UNIFORM = {"use": "uniform"}


def probe(**levels: str) -> Probe:
    return Probe(suite="s", condition=TextPrompt(text=" ".join(levels.values())), axes=axes(**levels))


PROBES = [probe(occupation="nurse"), probe(occupation="person")]


def board(folder: Path, rows: str, name: str = "board") -> Use:
    path = folder / f"{name}.csv"
    path.write_text(rows)
    return Use(use="file", name=name, params={"path": str(path)})


def test_equal_shares_are_the_default_and_may_be_left_out(fake_plugin) -> None:
    plan = make_plan(parse_spec(SPEC), "cpu")
    assert [reference.name for reference in plan.distributions] == ["uniform"]
    assert make_plan(parse_spec(SPEC | {"references": []}), "cpu").distributions == ()
    assert AuditSpec.model_validate(SPEC).references == (Use(use="uniform"),)


def test_references_do_not_make_another_run(fake_plugin) -> None:
    two = SPEC | {"references": [UNIFORM, {"use": "us_workforce_2022"}]}
    assert make_plan(parse_spec(two), "cpu").digest == make_plan(parse_spec(SPEC), "cpu").digest


def test_metrics_are_given_them_with_a_short_identity(fake_plugin, monkeypatch, tmp_path) -> None:
    use = board(tmp_path, "label,share\nfeminine,0.5\nmasculine,0.5\n")
    spec = parse_spec(SPEC | {"references": [UNIFORM, use.model_dump()], "metrics": [{"use": "outcomes"}]})
    seen = []
    plan = make_plan(spec, "cpu")
    kind = type(plan.metrics[0].component)
    monkeypatch.setattr(kind, "measure", lambda self, name, context: seen.append(context) or [])
    measure(plan, score_table(PROBES, 1, {}), lambda _: None)
    [context] = seen
    assert list(context.references) == ["uniform", "board"]
    assert set(context.reference_ids) == {"uniform", "board"}
    board(tmp_path, "label,share\nfeminine,0.4\nmasculine,0.6\n")
    measure(make_plan(spec, "cpu"), score_table(PROBES, 1, {}), lambda _: None)
    again = seen[-1].reference_ids
    assert again["uniform"] == context.reference_ids["uniform"]
    assert again["board"] != context.reference_ids["board"]


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match=r"references: two entries are named 'uniform'"):
        parse_spec(SPEC | {"references": [UNIFORM, UNIFORM]})


def test_a_typo_is_named_by_its_path() -> None:
    with pytest.raises(SpecError, match=r"references\.0\.nme: unknown key; did you mean 'name'\?"):
        parse_spec(SPEC | {"references": [{"use": "uniform", "nme": "x"}]})
    with pytest.raises(PluginError, match=r"references: no plugin 'uniforn' is installed; did you mean 'uniform'\?"):
        planned_references([Use(use="uniforn")], GENDER, PROBES)
    with pytest.raises(SpecError, match=r"references\.file\.params: path: required"):
        planned_references([Use(use="file")], GENDER, PROBES)


def test_a_faulty_file_is_named_by_path_and_line(tmp_path) -> None:
    use = board(tmp_path, "label,share\nfeminine,50\n")
    with pytest.raises(InputError, match=r"^references\.board\.params: .*board\.csv: line 2: share is 50"):
        planned_references([use], GENDER, PROBES)


@pytest.mark.parametrize(
    ("params", "probes", "told"),
    [
        ({"axis": "ocupation"}, PROBES, r"1 of 1 occupations have no figures: \(a prompt without ocupation\)"),
        ({}, [probe(occupation="wizard")], "1 of 1 occupations have no figures: wizard"),
        ({"attributes": ["perceived_sex"]}, PROBES, "it has figures for perceived_sex only"),
        ({"labels": {"female": "women"}}, PROBES, "its labels female are none of feminine, masculine"),
    ],
)
def test_one_that_could_say_nothing_is_a_mistake(params: dict, probes: list[Probe], told: str) -> None:
    with pytest.raises(SpecError, match=rf"references\.bls\.params: it says nothing of any prompt of this spec \(.*{told}"):
        planned_references([Use(use="us_workforce_2022", name="bls", params=params)], GENDER, probes)


def test_an_unknown_label_of_a_file_is_found_before_any_work(tmp_path) -> None:
    use = board(tmp_path, "label,share\nfeminine,0.5\nmasculin,0.5\n")
    with pytest.raises(SpecError, match=r"line 3: 'masculin' is no label of perceived_gender"):
        planned_references([use], GENDER, PROBES)


def test_one_cell_that_it_knows_is_enough() -> None:
    planned = planned_references([Use(use="us_workforce_2022")], GENDER, PROBES)
    assert [reference.name for reference in planned] == ["us_workforce_2022"]


@pytest.mark.parametrize(
    "reads",
    [
        [],
        [[Column("mood", "label")]],
        [*GENDER, [Column("mood", "label")]],
        [[Column("contrast", "number")]],
        [[*GENDER[0], Column("perceived_age_band", "label", levels=("young", "older"))]],
    ],
    ids=["none", "undeclared", "one undeclared", "no label column", "combined"],
)
def test_where_labels_are_not_known_beforehand_nothing_is_held_against_it(reads) -> None:
    assert planned_references([Use(use="us_workforce_2022")], reads, [probe(trait="kind")])
