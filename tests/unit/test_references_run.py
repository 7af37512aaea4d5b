"""Another run as a reference: its shares of the same cell, with its own sampling error."""

from pathlib import Path

import numpy as np
import pytest

from audit.catalog import identity
from audit.component import Contribution
from audit.errors import InputError
from audit.records import Finding, Interval, RunManifest
from audit.reference import Asked, Expected, Silent
from audit.references.run import Run
from audit.results import Results, export

LABELS = ("feminine", "masculine")
RECIPE = "share of {label!r}; attributes.perceived_gender; attributes=attributes-0a1b2c3d"


def finding(label: str, share: float | None, **changes) -> Finding:
    ends = None if share is None else Interval(low=max(share - 0.1, 0), high=min(share + 0.1, 1))
    base = {
        "metric": "representation.share",
        "title": "t",
        "protocol": RECIPE.format(label=label),
        "generator": "model",
        "where": {"label": label},
        "estimate": share,
        "interval": ends,
        "confidence": 0.95,
        "unit": "share",
        "better": "none",
        "n": 40,
        "n_missing": 0,
        "clusters": 4,
        "method": "m",
        "correction": "uncorrected",
    }
    return Finding.model_validate(base | changes)


def parts(totals: list[float], size: float = 10) -> tuple[Contribution, ...]:
    return tuple(Contribution(str(i), str(i), total, size, total) for i, total in enumerate(totals))


FEMININE = [9.0, 7.0, 2.0, 6.0]
FINDINGS = (
    finding("feminine", 0.6),
    finding("masculine", 0.4),
    finding("feminine", 0.9, where={"label": "feminine", "occupation": "nurse"}),
    finding("masculine", 0.1, where={"label": "masculine", "occupation": "nurse"}),
    finding("feminine", None, where={"label": "feminine", "occupation": "judge"}, note="No estimate: 2 draws. More."),
    finding("masculine", None, where={"label": "masculine", "occupation": "judge"}, note="No estimate: 2 draws. More."),
    finding("feminine", 1.0, where={"label": "feminine", "occupation": "model"}, clusters=3),
    finding("masculine", 0.0, where={"label": "masculine", "occupation": "model"}, clusters=3),
    finding("masculine", 0.3, where={"label": "masculine", "occupation": "cook"}),
    finding("feminine", 0.5, metric="other.share", protocol="share of 'feminine'; clip.seen; clip=clip-00"),
)


def write(folder: Path, findings=FINDINGS, name: str = "before.json") -> str:
    manifest = RunManifest(
        digest="sha256:00",
        spec={"name": "spring"},
        keys={},
        numerics={},
        started="2021-05-01T00:00:00+00:00",
        finished="2021-05-02T00:00:00+00:00",
    )
    own = {FINDINGS[0].key: parts(FEMININE), FINDINGS[1].key: parts([10 - total for total in FEMININE])}
    ones = {FINDINGS[6].key: parts([10.0, 10.0, 10.0]), FINDINGS[7].key: parts([0.0, 0.0, 0.0])}
    path = folder / name
    path.write_bytes(export(Results(manifest, tuple(findings), own | ones)))
    return str(path)


def ask(reference: Run, attribute: str = "perceived_gender", labels=LABELS, **where: str) -> Expected | Silent:
    return reference.expected(attribute, labels, Asked(where, [(where, 8.0)]))


def test_shares_of_the_same_cell_and_how_they_were_measured(tmp_path) -> None:
    run = Run(path=write(tmp_path))
    run.check()
    said = ask(run, occupation="nurse")
    assert said.shares == pytest.approx({"feminine": 0.9, "masculine": 0.1})
    assert said.note == "40 draws of model, measured there by attributes=attributes-0a1b2c3d, uncorrected"
    about = run.about()
    assert (about.title, about.dated) == ("Generator model in the run spring", "2021-05-02")
    assert "years ago" in about.caveats


def test_the_sample_is_the_one_that_its_clusters_imply(tmp_path) -> None:
    said = ask(Run(path=write(tmp_path)))
    means = np.array(FEMININE) / 10
    variance = means.var(ddof=1) / len(means)
    assert 0.6 * 0.4 / said.n_effective == pytest.approx(variance)
    assert said.n_effective < 40


def test_without_contributions_the_interval_says_it(tmp_path) -> None:
    said = ask(Run(path=write(tmp_path)), occupation="nurse")
    spread, half_widths = 2 * 0.09, (0.1, 0.1)
    assert said.n_effective == pytest.approx(spread / sum((half / 1.959964) ** 2 for half in half_widths), rel=1e-5)


def test_a_share_of_everybody_counts_as_few_as_its_prompts(tmp_path) -> None:
    assert ask(Run(path=write(tmp_path)), occupation="model").n_effective == 3


def test_what_it_lacks_is_silent_with_the_reason(tmp_path) -> None:
    run = Run(path=write(tmp_path))
    assert ask(run, occupation="pilot") == Silent("that run has no such cell, or none of the labels")
    assert ask(run, occupation="judge").reason.endswith("no estimate with an interval there: No estimate: 2 draws")
    assert ask(run, "perceived_presentation").reason == (
        "that run's representation is of attributes.perceived_gender, not of perceived_presentation"
    )
    partial = ask(run, occupation="cook")
    assert partial.shares == {"masculine": 0.3}
    assert partial.note.endswith("it says nothing of feminine")


def test_corrected_shares_are_scaled_to_one(tmp_path) -> None:
    near = (finding("feminine", 0.62), finding("masculine", 0.4))
    said = ask(Run(path=write(tmp_path, near)))
    assert sum(said.shares.values()) == pytest.approx(1)
    below = (finding("feminine", -0.02, interval=Interval(low=-0.1, high=0.1)), finding("masculine", 1.02))
    assert ask(Run(path=write(tmp_path, below))).shares == {"feminine": 0.0, "masculine": 1.0}


def test_two_generators_need_a_name(tmp_path) -> None:
    path = write(tmp_path, (*FINDINGS, finding("feminine", 0.2, generator="second")))
    with pytest.raises(InputError, match=r"generator: .* has model, second; name one of them"):
        Run(path=path).check()
    with pytest.raises(InputError, match=r"has no 'modl'; did you mean 'model'\?"):
        Run(path=path, generator="modl").check()
    assert ask(Run(path=path, generator="second")).shares == {"feminine": 0.2}


def test_a_run_without_the_metric_is_an_error(tmp_path) -> None:
    with pytest.raises(InputError, match=r"no finding 'representatoin\.share'; did you mean 'representation'\?"):
        Run(path=write(tmp_path), metric="representatoin").check()
    with pytest.raises(InputError, match="no such run folder or baseline file"):
        Run(path=str(tmp_path / "absent")).check()
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(InputError, match="not an exported baseline"):
        Run(path=str(tmp_path / "odd.json")).check()


def test_the_identity_follows_the_figures_not_the_place(tmp_path) -> None:
    one, same = Run(path=write(tmp_path)), Run(path=write(tmp_path, name="copy.json"))
    assert identity(one, None) == identity(same, None)
    turned = Run(path=write(tmp_path, FINDINGS[::-1], name="turned.json"))
    assert identity(turned, None) == identity(one, None)
    moved = (finding("feminine", 0.61), *FINDINGS[1:])
    assert identity(Run(path=write(tmp_path, moved, name="moved.json")), None) != identity(one, None)
