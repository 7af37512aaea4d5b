"""The run in plain words: what was done, what came out, what to be careful about."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from audit.component import Audited
from audit.records import Finding, RunManifest
from reports.care import reads_people
from reports.sentences import sentence
from reports.strips import Beside, Strip, finding_strip
from reports.together import cell_label, common_title, comparable, nothing_came, shared_axes
from reports.truths import truths
from reports.verdicts import WORDS, overall
from reports.wording import clean, clip, count, interval, listed, quantity, stands_out, width

__all__ = [
    "Drawn",
    "Headline",
    "Summary",
    "audited_generators",
    "depicts_people",
    "drawn",
    "summarise",
    "title_of",
]

MOST_HEADLINES = 6
MOST_ROWS = 4
MOST_CAUTIONS = 12
MOST_EVIDENCE = 4


@dataclass(frozen=True, slots=True)
class Headline:
    """The least restricted finding of a quantity as a small tile; or several, where none of them is over all."""

    finding: Finding
    title: str
    strip: Strip | None
    rows: tuple[tuple[str, str, str, str], ...] = ()
    """What each of a few findings is about, its estimate, interval and true value; of many, the highest and the lowest."""
    left_out: int = 0
    ends: bool = False
    """They are the highest and the lowest."""


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


@dataclass(frozen=True, slots=True)
class Drawn:
    """Draws of the audited generators, and of those that they are compared with."""

    audited: int
    references: tuple[tuple[str, int], ...]
    """Name and draws of each reference; none where the records do not tell them apart."""


def drawn(audited: Audited) -> Drawn:
    """Draws by part, where the costs of drawing account for every draw of the run."""
    whole = sum(audited.manifest.counts.values())
    by_name: Counter[str] = Counter()
    for cost in audited.manifest.costs:
        by_name[cost.name] += cost.images if cost.stage == "generate" else 0
    own = set(audited_generators(audited.findings))
    baselines = (finding.baseline for finding in audited.findings if finding.baseline)
    sets = dict.fromkeys((*audited.manifest.image_sets, *baselines))  # a held-out set is nobody's baseline
    references = tuple((name, by_name[name]) for name in sets if name not in own and by_name[name])
    if by_name.total() != whole:
        return Drawn(whole, ())
    return Drawn(whole - sum(n for _, n in references), references)


def depicts_people(audited: Audited) -> bool:
    """Whether a scorer that looks at people ran, or a finding speaks of what is perceived in them."""
    told = any("perceived" in f"{f.title} {f.protocol}".lower() for f in audited.findings)
    return told or reads_people(audited.manifest)


def summarise(audited: Audited) -> Summary:
    """Plain words about a run; every number in them is one of its records or a count of them."""
    headlines = _headlines(audited)
    cautions = _cautions(audited.manifest, audited.findings)
    return Summary(
        (_made(audited), _judged(audited), *_standing_out(audited)),
        headlines[:MOST_HEADLINES],
        max(0, len(headlines) - MOST_HEADLINES),
        tuple(cautions[:MOST_CAUTIONS]),
    )


def _made(audited: Audited) -> str:
    counts = audited.manifest.counts
    wanted, made = sum(counts.values()), counts.get("made", 0)
    parts = drawn(audited)
    sets = [f"{n:,} of the reference set {clip(clean(name), 60)}" for name, n in parts.references]
    within = f" ({listed([f'{parts.audited:,} audited', *sets])})" if sets else ""
    who = [clip(clean(name), 60) for name in audited_generators(audited.findings)]
    of = f" of {listed(who)}" if who else ""
    metrics = {finding.metric.partition(".")[0] for finding in audited.findings}
    images = f"All {count(wanted, 'image')}" if made == wanted else f"{made:,} of {count(wanted, 'image')}"
    came = f"{images} that {'was' if wanted == 1 else 'were'} asked for{within} came back. " if wanted else ""
    measured = f"{count(len(audited.findings), 'finding')}{of}, from {count(len(metrics), 'metric')}"
    return f"{came}This report holds {measured}."


def _judged(audited: Audited) -> str:
    tally = overall(audited.verdicts).tally
    if not tally:
        return "No gates were set, so nothing is passed or failed here."
    parts = [f"{times} {WORDS[outcome].lower()}" for outcome, times in tally]
    return f"{count(len(audited.verdicts), 'gate was', 'gates were')} judged: {listed(parts)}."


def _standing_out(audited: Audited) -> list[str]:
    findings = audited.findings
    if overall(audited.verdicts).tone == "invalid":
        return ["The run is invalid, so no number of it is evidence of anything until what is wrong is mended."]
    return [*_tested(findings), *_compared([finding for finding in findings if finding.p_value is None])]


def _tested(findings: Sequence[Finding]) -> list[str]:
    """How many tests show something after adjustment, and the clearest of each metric in words."""
    tests = [f for f in findings if f.p_adjusted is not None and "excess" not in f.metric]
    if not tests:
        return []
    shown = [finding for finding in tests if (finding.p_adjusted or 0.0) < 1 - finding.confidence]
    made = f"{count(len(tests), 'test was', 'tests were')} made, adjusted for those that were made together"
    told = f"{made}; {len(shown):,} of them {'shows' if len(shown) == 1 else 'show'} evidence for a difference"
    several = len({finding.generator for finding in findings}) > 1
    clearest: dict[str, Finding] = {}
    for finding in sorted(shown, key=lambda f: (f.p_adjusted or 0.0, -abs((f.estimate or 0.0) - (f.expected or 0.0)))):
        clearest.setdefault(finding.metric.partition(".")[0], finding)
    named = [sentence(f, _cell(f, several=several)) for f in list(clearest.values())[:MOST_EVIDENCE]]
    return [f"{told}{', such as:' if named else '.'}", *named]


def _cell(finding: Finding, *, several: bool) -> str:
    levels = [level for key, level in sorted(finding.where.items()) if key not in ("column", "reference")]
    return ", ".join([*([finding.generator] if several else []), *levels])


def _compared(findings: Iterable[Finding]) -> list[str]:
    compared = [finding for finding in findings if finding.expected is not None and finding.interval is not None]
    if not compared:
        return []
    away = sum(map(stands_out, compared))
    return [
        f"{count(len(compared), 'finding has', 'findings have')} no test but a value to compare with (what an even "
        f"generator, or no difference, would show at the same n); for {away:,} of them the interval excludes it. Among "
        "many findings some do so by chance."
    ]


def _headlines(audited: Audited) -> tuple[Headline, ...]:
    """A tile for each quantity: judged ones first, then the first of every metric, then the second, and so on."""
    judged = {verdict.finding for verdict in audited.verdicts}
    true = truths(audited.findings)
    grouped: dict[tuple[str, str], list[Finding]] = {}
    for finding in audited.findings:
        if finding.estimate is not None:
            grouped.setdefault((finding.metric, finding.generator), []).append(finding)
    place: Counter[str] = Counter()
    ranked = []
    for (metric, _), group in grouped.items():
        family = metric.partition(".")[0]
        is_judged = any(finding.key in judged for finding in group)
        if nothing_came(group) and not is_judged:
            continue
        ranked.append((-1 if is_judged else place[family], _headline(group, true)))
        place[family] += 1
    return tuple(tile for _, tile in sorted(ranked, key=lambda entry: entry[0]))


def _headline(group: list[Finding], true: Mapping[str, float]) -> Headline:
    fewest = min(len(finding.where) for finding in group)
    least = [finding for finding in group if len(finding.where) == fewest]
    first = least[0]
    if len(least) == 1:
        return Headline(first, first.title, finding_strip(first, beside=Beside(true.get(first.key))))
    shown = least
    ends = len(least) > MOST_ROWS and comparable(least)
    if ends:
        ordered = sorted(least, key=lambda finding: finding.estimate or 0.0)
        shown = [ordered[-1], ordered[0]]
    shared = shared_axes(least)
    rows = tuple(
        (
            clip(cell_label(f, least, shared), 60),
            quantity(f.estimate or 0.0, f.unit, width(f)),
            interval(f.interval, f.unit),
            quantity(true[f.key], f.unit, width(f)) if f.key in true else "",
        )
        for f in shown[:MOST_ROWS]
    )
    return Headline(first, common_title(least), None, rows, len(least) - len(rows), ends=ends)


def _cautions(manifest: RunManifest, findings: tuple[Finding, ...]) -> list[str]:
    found = []
    without = sum(finding.estimate is None for finding in findings)
    if without:
        found.append(f"{count(without, 'finding has', 'findings have')} no estimate, because the data do not support one.")
    partial = sum(finding.n_missing > 0 for finding in findings)
    if partial:
        found.append(
            f"{count(partial, 'finding lacks', 'findings lack')} some of the draws that should be behind "
            f"{'it' if partial == 1 else 'them'}; the section "
            "on missing data says how many, and how far that could move the number."
        )
    if manifest.unpinned:
        packs = listed([clip(clean(pack), 60) for pack in manifest.unpinned])
        found.append(
            f"Unpinned weights: {packs}. Their digest was recorded when they were first pulled, not fixed beforehand."
        )
    return found + [clip(clean(note), 400) for note in manifest.notes]
