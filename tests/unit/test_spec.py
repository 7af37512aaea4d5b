import pytest

from audit.catalog import build, load
from audit.errors import InputError, PluginError, SpecError
from audit.spec import AuditSpec, Use, load_spec, nearest, override, parse_spec

MINIMAL = {"name": "a", "generators": [{"use": "fake"}]}


def fault(data: object) -> str:
    with pytest.raises(SpecError) as caught:
        parse_spec(data)
    return str(caught.value)


def test_a_minimal_spec_has_the_documented_defaults() -> None:
    spec = parse_spec(MINIMAL)
    assert (spec.seed, spec.draws_per_probe, spec.confidence, spec.gates) == (0, 8, 0.95, ())
    assert spec.generators[0].label == "fake"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"draws_per_prob": 3}, ["draws_per_prob", "unknown key", "did you mean 'draws_per_probe'?"]),
        ({"seed": "seven"}, ["seed", "integer", "'seven'"]),
        ({"confidence": 95}, ["confidence", "less than 1"]),
        ({"confidence": float("nan")}, ["confidence"]),
        ({"name": "../../etc"}, ["name", "pattern"]),
        ({"name": ""}, ["name"]),
        ({"generators": []}, ["generators", "at least 1 item"]),
        ({"generators": [{"use": "fake", "parms": {}}]}, ["generators.0.parms", "did you mean 'params'?"]),
        ({"generators": [{"use": "fake"}, {"use": "fake"}]}, ["two entries are named 'fake'", "name"]),
        ({"gates": [{"metric": "x.y"}]}, ["gates.0", "exactly one of at_most, at_least and margin"]),
        ({"gates": [{"metric": "x.y", "margin": 0.1}]}, ["margin and baseline go together"]),
        ({"gates": [{"metric": "x.y", "at_mots": 1}]}, ["gates.0.at_mots", "did you mean 'at_most'?"]),
        ({"gates": [{"metric": "x.y", "at_most": float("inf")}]}, ["gates.0.at_most"]),
    ],
)
def test_faults_name_the_field_and_the_remedy(change: dict, words: list[str]) -> None:
    message = fault(MINIMAL | change)
    for word in words:
        assert word in message


BASIS = {"who": "invented persons", "authority": "own drawings", "purpose": "a test", "expires": "2999-12-31"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"expires": "soon"}, "likeness.expires: expected a date such as 2027-12-31 (year-month-day), found 'soon'"),
        ({"expires": "31.12.2027"}, "likeness.expires: expected a date such as 2027-12-31 (year-month-day), found '31.12"),
        ({"expires": 20271231}, "likeness.expires: expected a date such as 2027-12-31 (year-month-day), found 20271231"),
        ({"expires": None}, "likeness.expires: expected a date such as 2027-12-31 (year-month-day), found nothing"),
        ({"who": ""}, "likeness.who: expected text of at least 3 characters, found ''"),
        ({"authority": None}, "likeness.authority: expected text, found nothing"),
    ],
)
def test_a_basis_is_asked_for_in_plain_words(change: dict, line: str) -> None:
    (told,) = fault({**MINIMAL, "likeness": {**BASIS, **change}}).splitlines()
    assert line in told


@pytest.mark.parametrize(
    ("kind", "plugin", "params", "line"),
    [
        ("probes", "names", {"people": None}, "people: expected a list such as [a, b], found nothing"),
        ("probes", "names", {"people": []}, "people: expected at least 1 item, found []"),
        ("probes", "names", {"people": [""]}, "people.0: expected text of at least 1 character, found ''"),
        ("generators", "folder", {"path": ".", "subject_basis": None}, "subject_basis: expected text, found nothing"),
    ],
)
def test_an_empty_parameter_is_told_in_one_plain_sentence(kind, plugin, params, line) -> None:
    with pytest.raises(SpecError) as error:
        build(kind, Use(use=plugin, params=params))
    assert str(error.value) == f"{kind}.{plugin}.params: {line}"


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("scorers", "apparent_tone", "it is one of the metrics: `imgaudit list metrics apparent_tone`"),
        ("metrics", "pixels", "it is one of the scorers: `imgaudit list scorers pixels`"),
        ("scorers", "pixls", "did you mean 'pixels'?"),
    ],
)
def test_a_name_of_another_kind_is_pointed_to(kind, name: str, hint: str) -> None:
    with pytest.raises(PluginError) as error:
        load(kind, name)
    assert str(error.value) == f"{kind}: no plugin {name!r} is installed; {hint}"


def test_all_faults_are_reported_at_once() -> None:
    message = fault({"nam": "a", "seed": -1})
    assert {line.split(": ")[1] for line in message.splitlines()} == {"nam", "name", "seed", "generators"}


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_a_spec_is_a_mapping(data: object) -> None:
    assert "a spec is a mapping" in fault(data)


def test_a_missing_file_names_the_command_that_writes_one(tmp_path) -> None:
    with pytest.raises(InputError, match="imgaudit init"):
        load_spec(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["a: [1, 2", "\x00\x01", "!!python/object/apply:os.system ['true']"])
def test_what_is_not_plain_yaml_is_refused(tmp_path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="not valid YAML"):
        load_spec(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\ngates: [{metric: m.x, at_most: 0}]\ngates: []\n", "line 3: the key 'gates' is there already, on line 2"),
        ("name: a\ngenerators:\n- {use: fake, params: {side: 1, 'side': 2}}\n", "line 3: the key 'side'"),
        ("name: a\nseed: " + 2000 * "[", "nested more than"),
        ("name: a\nseed: " + 900 * "[" + 900 * "]", "line 2: nested more than"),
        ("name: a\nseed: " + 900 * "{a: " + 900 * "}", "line 2: nested more than"),
        ("seed: 2026-99-99", "month"),
    ],
)
def test_yaml_that_hides_a_fault_is_refused_in_one_line(tmp_path, text: str, words: str) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        load_spec(path)
    assert str(caught.value).startswith(f"{path}: not valid YAML: ")
    assert "\n" not in str(caught.value)


def test_a_key_that_is_merged_in_may_be_given_again(tmp_path) -> None:
    path = tmp_path / "audit.yaml"
    path.write_text(
        "name: a\ngenerators:\n- {use: fake, name: b, params: &b {<<: &a {side: 1, batch: 2}, side: 3}}\n"
        "- {use: fake, name: c, params: {<<: *b, batch: 4}}\n- {use: fake, name: d, params: *a}\n"
    )
    found = [use.params for use in load_spec(path).generators]
    assert found == [{"side": 3, "batch": 2}, {"side": 3, "batch": 4}, {"side": 1, "batch": 2}]


def test_set_reaches_list_entries_by_name_and_by_index() -> None:
    data = {"generators": [{"use": "gan", "name": "a"}, {"use": "gan", "name": "b", "params": {"batch": 1}}]}
    assert override(data, "generators.b.params.batch=16")["generators"][1]["params"] == {"batch": 16}
    assert override(data, "generators.0.params.latent=[100, 1, 1]")["generators"][0]["params"] == {"latent": [100, 1, 1]}
    assert data["generators"][1]["params"] == {"batch": 1}


@pytest.mark.parametrize(
    "change", ["draws", "=3", "generators.zzz.params=1", "name.first=1", "seed=[1", "generators={a: 1, a: 2}"]
)
def test_a_bad_set_names_itself(change: str) -> None:
    with pytest.raises(SpecError, match="--set"):
        override(MINIMAL | {"seed": 1}, change)


def test_a_spec_survives_its_own_json() -> None:
    spec = parse_spec(MINIMAL | {"gates": [{"metric": "m.x", "at_most": 0.5, "where": {"label": "b"}}]})
    assert AuditSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_nearest_offers_the_list_where_nothing_is_close() -> None:
    assert nearest("zzz", ["gan", "folder"]) == "known: folder, gan"
    assert nearest("flder", ["gan", "folder"]) == "did you mean 'folder'?"
