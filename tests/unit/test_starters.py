"""What ``imgaudit init`` writes holds together, also with every optional entry taken in."""

import re

import pytest
import yaml

from audit.catalog import build, names
from audit.component import Metric, Scorer
from audit.errors import PluginError
from audit.spec import AuditSpec, parse_spec
from audit.starters import STARTERS

OPTIONAL = re.compile(r"^  # (- use: |  )(.*)$", re.MULTILINE)
"""Entries that are written out as comments."""
WITH_OPTIONS = ("diffusion", "folder")


def taken_in(name: str) -> str:
    return OPTIONAL.sub(r"  \1\2", STARTERS[name])


def columns_read(spec: AuditSpec) -> tuple[set[str], set[str]]:
    """Columns that the scorers fill, and those that the metrics read."""
    filled: set[str] = set()
    for use in spec.scorers:
        scorer = build("scorers", use)
        assert isinstance(scorer, Scorer)
        filled.update(f"{use.label}.{column.name}" for column in scorer.columns())
    read: set[str] = set()
    for use in spec.metrics:
        metric = build("metrics", use)
        assert isinstance(metric, Metric)
        read.update(metric.reads())
    return filled, read


@pytest.mark.parametrize("text", [*STARTERS.values(), *map(taken_in, WITH_OPTIONS)], ids=[*STARTERS, *WITH_OPTIONS])
def test_every_metric_reads_what_a_scorer_fills(text: str) -> None:
    spec = parse_spec(yaml.safe_load(text))
    try:
        filled, read = columns_read(spec)
    except PluginError as error:
        pytest.skip(str(error))
    assert read <= filled
    assert {use.use for use in spec.generators} <= set(names("generators"))


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_optional_entries_are_there_to_be_taken_in(name: str) -> None:
    plain, full = (parse_spec(yaml.safe_load(text)) for text in (STARTERS[name], taken_in(name)))
    assert "skin_tone" not in {use.use for use in plain.scorers}
    assert "skin_tone" in {use.use for use in full.scorers}
    assert "apparent_tone" in {use.label for use in full.metrics}
