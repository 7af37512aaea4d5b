"""Every installed plugin keeps the promises of its kind. What a plugin needs to be built stands here as data."""

from pathlib import Path

import pytest
from PIL import Image

from audit.catalog import KINDS, build, identity, load, names
from audit.component import Audited, Generator, Metric, ProbeSuite, Report, Scorer
from audit.errors import SpecError
from audit.records import Finding, Interval, RunManifest
from audit.reference import Asked, Expected, Reference, Silent
from audit.results import Results, export
from audit.spec import Use
from audit.testing import check_generator, check_reference, check_scorer, check_suite, disc
from audit.weights import missing

PACKS = {
    "faces": ("centerface", "perceived-gender-age"),
    "features": ("efficientnet-lite0",),
    "gan": ("dcgan-digiface",),
    "safety": ("explicit-content",),
}
DCGAN = {
    "factory": "generators.dcgan:generator",
    "pack": "dcgan-digiface",
    "file": "weights.tar",
    "state_key": "netG_state_dict",
    "latent": [100, 1, 1],
    "batch": 4,
}
GENERATORS: dict[str, dict] = {
    "gan": DCGAN,
    "degraded": {"of": {"use": "gan", "params": DCGAN}, "blur": 1.0},
    "folder": {"path": "images"},
    "phantom": {"preset": "skewed", "batch": 4},
    "planted_copies": {"path": "images"},
}
SUITES: dict[str, dict] = {
    "captions": {"path": "captions.txt"},
    "counterfactual": {"limit": 2},
    "names": {"people": ["Orvel Tamsk"]},
}
SCORERS: dict[str, dict] = {
    "faces": {},
    "features": {"pack": "efficientnet-lite0"},
    "fingerprints": {},
    "phantom_tone": {},
    "pixels": {},
    "provenance": {},
    "resolution": {},
    "safety": {},
}
METRICS: dict[str, dict] = {
    "alignment": {},
    "amplification": {"column": "attributes.perceived_gender", "reference": "us_workforce_2022"},
    "apparent_tone": {},
    "association": {"column": "attributes.perceived_gender", "other": "attributes.perceived_age_band"},
    "copies": {"train": "photographs"},
    "disparity": {"column": "pixels.brightness", "by": "trait"},
    "fidelity": {},
    "gallery": {"gallery": "photos"},
    "likeness": {},
    "means": {"columns": ["pixels.brightness"]},
    "outcomes": {},
    "phantom_truth": {"tables": {"phantom": "even"}},
    "representation": {"column": "attributes.perceived_gender"},
    "resolution": {},
    "support": {},
}
REFERENCES: dict[str, dict] = {
    "file": {"path": "shares.csv"},
    "run": {"path": "before.json"},
    "uniform": {},
    "us_workforce_2022": {},
}
ELSEWHERE = {
    "diffusion",
    "endpoint",
    "onnx_model",
    "agreement",
    "attributes",
    "second_attributes",
    "clip",
    "face_embedding",
    "phantom_identity",
    "phantom_oracle",
    "skin_tone",
    "zero_shot",
}
"""Checked in their own test files, which build the models and servers that they need."""


MANIFEST = RunManifest(
    digest="sha256:00",
    spec={"name": "empty", "generators": [{"use": "x", "name": "", "params": {}}], "scorers": [], "gates": []},
    keys={},
    numerics={},
    started="2026-01-01T00:00:00+00:00",
)
SHARE = Finding(
    metric="representation.share",
    title="Share of feminine",
    protocol="share of 'feminine'; attributes.perceived_gender; attributes=attributes-00",
    generator="model",
    where={"label": "feminine"},
    estimate=0.6,
    interval=Interval(low=0.5, high=0.7),
    confidence=0.95,
    unit="share",
    better="none",
    n=96,
    n_missing=0,
    clusters=12,
    method="Wilson",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for seed in range(3):
        Image.fromarray(disc(seed, 32)).save(f"images/{seed}.png")
    Path("captions.txt").write_text("a red ball\na blue cup\n")
    Path("shares.csv").write_text("occupation,label,share\nnurse,feminine,0.7\nnurse,masculine,0.3\nlawyer,feminine,0.4\n")
    Path("before.json").write_bytes(export(Results(MANIFEST, (SHARE,), {})))


def needs_pack(name: str) -> None:
    for pack in filter(missing, PACKS.get("gan" if name == "degraded" else name, ())):
        pytest.skip(f"the weight pack {pack} is not on this machine")


def test_no_built_in_plugin_is_left_out() -> None:
    built_in = {
        n
        for k in ("generators", "probes", "scorers", "metrics", "references")
        for n, p in names(k).items()
        if p.dist.name == "imgaudit"
    }
    listed = {*GENERATORS, *names("probes"), *SCORERS, *METRICS, *REFERENCES, *ELSEWHERE}
    assert built_in == listed


@pytest.mark.parametrize("name", GENERATORS)
def test_generators(name: str) -> None:
    needs_pack(name)
    generator = build("generators", Use(use=name, params=GENERATORS[name]))
    assert isinstance(generator, Generator)
    check_generator(generator)


@pytest.mark.parametrize("name", sorted(names("probes")))
def test_suites(name: str) -> None:
    suite = build("probes", Use(use=name, params=SUITES.get(name, {})))
    assert isinstance(suite, ProbeSuite)
    check_suite(suite)


@pytest.mark.parametrize("name", SCORERS)
def test_scorers(name: str) -> None:
    needs_pack(name)
    scorer = build("scorers", Use(use=name, params=SCORERS[name]))
    assert isinstance(scorer, Scorer)
    check_scorer(scorer)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_name_the_columns_that_they_read(name: str) -> None:
    metric = build("metrics", Use(use=name, params=METRICS[name]))
    assert isinstance(metric, Metric)
    assert all("." in column for column in metric.reads())
    assert metric.source or type(metric).__doc__


@pytest.mark.parametrize("name", REFERENCES)
def test_references(name: str) -> None:
    reference = build("references", Use(use=name, params=REFERENCES[name]))
    assert isinstance(reference, Reference)
    reference.check()
    whole = Asked({}, [({"occupation": "nurse"}, 9), ({"occupation": "lawyer"}, 3)])
    assert isinstance(check_reference(reference, whole), Expected)
    unknown = Asked({"occupation": "wizard"}, [({"occupation": "wizard"}, 1)])
    assert isinstance(check_reference(reference, unknown), Expected if name == "uniform" else Silent)
    about = str(reference.about()).lower()
    assert "fair" not in about
    assert about.count("caveats=''") == 0


@pytest.mark.parametrize("name", sorted(names("reports")))
def test_reports_render_a_run_without_findings(name: str) -> None:
    report = build("reports", Use(use=name))
    assert isinstance(report, Report)
    rendered = report.render(Audited(MANIFEST, (), (), lambda _: None, lambda _: "", lambda _: None))
    assert rendered
    assert rendered == report.render(Audited(MANIFEST, (), (), lambda _: None, lambda _: "", lambda _: None))


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_parameter_is_an_error_with_its_path(kind) -> None:
    for name, point in names(kind).items():
        if point.dist.name == "imgaudit":
            with pytest.raises(SpecError, match=rf"{kind}\.{name}\.params: nonsense: unknown key"):
                build(kind, Use(use=name, params={"nonsense": 1}))


def test_identities_tell_parameters_and_devices_apart() -> None:
    one, other = (build("generators", Use(use="folder", params={"path": p})) for p in ("images", "./images/../images"))
    assert identity(one, "cpu") == identity(one, "cpu")
    Path("images/9.png").write_bytes(Path("images/1.png").read_bytes())
    changed = build("generators", Use(use="folder", params={"path": "images"}))
    assert identity(changed, "cpu") != identity(other, "cpu")


def test_every_plugin_class_states_its_interface_version() -> None:
    for kind in KINDS:
        for name in names(kind):
            assert load(kind, name).api == 1
