"""The run in plain words: what was done, what came out, what to be careful about."""

from collections.abc import Iterable
from dataclasses import dataclass

from audit.component import Audited
from audit.records import Finding, RunManifest
from reports.groups import where_words
from reports.strips import Strip, finding_strip
from reports.verdicts import WORDS, overall
from reports.wording import clean, clip, count, listed, quantity, width

__all__ = ["Headline", "Summary", "audited_generators", "stands_out", "summarise", "title_of"]

MOST_HEADLINES = 9
MOST_CAUTIONS = 12


@dataclass(frozen=True, slots=True)
class Headline:
    """The first finding of a quantity, the least restricted one, as a small tile."""

    finding: Finding
    strip: Strip | None
    span: str = ""
    """Lowest to highest estimate, where several findings stand side by side and none of them is over all."""
    ends: str = ""
    """What has the lowest, what the highest."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Sentences and numbers for the first page."""

    sentences: tuple[str, ...]
    headlines: tuple[Headline, ...]
    headlines_left_out: int
    cautions: tuple[str, ...]


def title_of(audited: Audited) -> str:
    """The name of the spec."""
    name = audited.manifest.spec.get("name")
    return clip(clean(name), 120) if isinstance(name, str) and name.strip() else "Unnamed audit"


def audited_generators(findings: Iterable[Finding]) -> list[str]:
    """Names of the generators that findings are about, in order."""
    return list(dict.fromkeys(finding.generator for finding in findings))


def stands_out(finding: Finding) -> bool:
    """The interval excludes what an even generator, or no difference, would give."""
    if finding.expected is None or finding.interval is None:
        return False
    return not finding.interval.low <= finding.expected <= finding.interval.high


def summarise(audited: Audited) -> Summary:
    """Plain words about a run; every number in them is one of its records or a count of them."""
    headlines = _headlines(audited.findings)
    cautions = _cautions(audited.manifest, audited.findings)
    return Summary(
        (_made(audited), _judged(audited), *_standing_out(audited.findings)),
        headlines[:MOST_HEADLINES],
        max(0, len(headlines) - MOST_HEADLINES),
        tuple(cautions[:MOST_CAUTIONS]),
    )


def _made(audited: Audited) -> str:
    counts = audited.manifest.counts
    wanted, made = sum(counts.values()), counts.get("made", 0)
    who = [clip(clean(name), 60) for name in audited_generators(audited.findings)]
    of = f" of {listed(who)}" if who else ""
    metrics = {finding.metric.partition(".")[0] for finding in audited.findings}
    images = f"All {count(wanted, 'image')}" if made == wanted else f"{made:,} of {count(wanted, 'image')}"
    came = f"{images} that {'was' if wanted == 1 else 'were'} asked for came back. " if wanted else ""
    measured = f"{count(len(audited.findings), 'finding')}{of}, from {count(len(metrics), 'metric')}"
    return f"{came}This report holds {measured}."


def _judged(audited: Audited) -> str:
    tally = overall(audited.verdicts).tally
    if not tally:
        return "No gates were set, so nothing is passed or failed here."
    parts = [f"{times} {WORDS[outcome].lower()}" for outcome, times in tally]
    return f"{count(len(audited.verdicts), 'gate was', 'gates were')} judged: {listed(parts)}."


def _standing_out(findings: Iterable[Finding]) -> list[str]:
    compared = [finding for finding in findings if finding.expected is not None and finding.interval is not None]
    if not compared:
        return []
    away = sum(map(stands_out, compared))
    return [
        f"{count(len(compared), 'finding has', 'findings have')} a value to compare with (what an even generator, or no "
        f"difference, would show at the same n); for {away:,} of them the interval excludes it. Among many findings some "
        "do so by chance."
    ]


def _headlines(findings: tuple[Finding, ...]) -> tuple[Headline, ...]:
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.estimate is not None:
            grouped.setdefault((finding.metric, finding.generator), []).append(finding)
    return tuple(map(_headline, grouped.values()))


def _headline(group: list[Finding]) -> Headline:
    """The finding with the fewest restrictions; where several have as few, the lowest to the highest of them."""
    fewest = min(len(finding.where) for finding in group)
    least = sorted((f for f in group if len(f.where) == fewest), key=lambda finding: finding.estimate or 0.0)
    first, last = least[0], least[-1]
    if len(least) == 1 or first.estimate is None or last.estimate is None:
        return Headline(first, finding_strip(first))
    shared = frozenset(
        name for name, level in first.where.items() if all(f.where[name] == level for f in least if name in f.where)
    )
    low, high = (quantity(f.estimate or 0.0, f.unit, width(f)) for f in (first, last))
    ends = f"{len(least):,} side by side. Lowest: {_who(first, shared)}. Highest: {_who(last, shared)}."
    return Headline(first, None, low if low == high else f"{low} to {high}", ends)


def _who(finding: Finding, shared: frozenset[str]) -> str:
    against = f"against {clip(clean(finding.baseline), 40)}" if finding.baseline else "all"
    return clip(where_words(finding, shared), 70) or against


def _cautions(manifest: RunManifest, findings: tuple[Finding, ...]) -> list[str]:
    found = []
    without = sum(finding.estimate is None for finding in findings)
    if without:
        found.append(f"{count(without, 'finding has', 'findings have')} no estimate, because the data do not support one.")
    partial = sum(finding.n_missing > 0 for finding in findings)
    if partial:
        found.append(
            f"{count(partial, 'finding lacks', 'findings lack')} some of the draws that should be behind it; the section "
            "on missing data says how many, and how far that could move the number."
        )
    if manifest.unpinned:
        packs = listed([clip(clean(pack), 60) for pack in manifest.unpinned])
        found.append(
            f"Unpinned weights: {packs}. Their digest was recorded when they were first pulled, not fixed beforehand."
        )
    return found + [clip(clean(note), 400) for note in manifest.notes]
