"""The report that people read: one self-contained HTML file that asks no network and needs no JavaScript."""

import itertools
from typing import ClassVar, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pydantic import Field

from audit.component import Audited, Report
from audit.panels import Intervals
from audit.records import Finding, Verdict
from reports.care import care_of, persons
from reports.checks import checked
from reports.groups import families, targets
from reports.noise import settled
from reports.pictures import Sketchbook
from reports.sections import cost_chart, cost_rows, lost, provenance
from reports.strips import Strip, verdict_strip
from reports.summary import audited_generators, depicts_people, drawn, summarise, title_of
from reports.thumbnails import Album
from reports.titles import told_apart
from reports.truths import truths
from reports.verdicts import WORDS, advised, overall, ranked, restated, unit_of
from reports.wording import clean, clip, corrected, count, interval, mark, moment, p_words, quantity, width

__all__ = ["Html"]

BETTER = {"higher": "higher is better", "lower": "lower is better", "none": "neither high nor low is better in itself"}


class Html(Report):
    """One file for a release manager, a reviewer and a policy board: verdict first, then the evidence for it.

    Everything is inside the file: styles, charts as SVG, small copies of images. A policy in its head forbids scripts
    and every request. All text is escaped and shown without characters that hide or reorder it. Long runs stay
    readable: many cells of one quantity become one table and one chart, and the page says what it leaves out.
    """

    filename: ClassVar[str] = "report.html"

    blur: Literal["faces", "all", "none"] = "faces"
    """``faces``: the boxes that a face detector found are blurred, and an image in which none was found, or at which no
    detector looked, is blurred as a whole, since detectors miss faces. ``all``: every image is blurred as a whole.
    ``none``: no image is blurred; for images that show no people. The sharp image is only ever a link to its file."""

    thumbnails: int = Field(default=12, ge=0, le=60)
    """Images shown in one gallery, at most."""

    title: str = ""
    """Heading of the page; the name of the spec where it is empty."""

    def render(self, audited: Audited) -> bytes:
        """The whole page, UTF-8."""
        audited = told_apart(settled(audited))
        album = Album(audited, self.blur, self.thumbnails)
        book = Sketchbook(album)
        true = truths(audited.findings)
        judged = {finding.key: finding for finding in audited.findings}
        grouped = families(audited.findings, audited.verdicts, book, true)
        missing, more_missing = lost(audited.findings)
        costs = cost_chart(audited.manifest.costs)
        sources = provenance(audited.manifest)
        context = {
            "title": self.title or title_of(audited),
            "manifest": audited.manifest,
            "generators": audited_generators(audited.findings),
            "overall": overall(audited.verdicts),
            "verdicts": [_judged(v, judged.get(v.finding), true.get(v.finding)) for v in ranked(audited.verdicts)],
            "judged": judged,
            "truths": true,
            "checked": checked(audited.manifest),
            "targets": targets(grouped, audited.findings),
            "summary": summarise(audited),
            "families": grouped,
            "against_truth": any(quantity.against_truth for family in grouped for quantity in family.quantities),
            "tested": any(finding.p_value is not None for finding in audited.findings),
            "labelled": any(finding.correction for finding in audited.findings),
            "referenced": any(isinstance(p, Intervals) and p.marks for f in audited.findings for p in f.panels),
            "drawn": drawn(audited),
            "people": depicts_people(audited),
            "persons": persons(audited.manifest),
            "care": care_of(audited, blurred=self.blur != "none"),
            "provenance": sources,
            "spec": escape(sources.spec),
            "costs": cost_rows(audited.manifest.costs),
            "cost_figure": book.figure(costs) if costs else None,
            "missing": missing,
            "more_missing": more_missing,
            "blur": self.blur,
            "serial": itertools.count(1).__next__,
        }
        return _environment().get_template("report.html").render(context).encode("utf-8")


def _judged(
    verdict: Verdict, finding: Finding | None, truth: float | None
) -> tuple[Verdict, str, float | None, Strip | None]:
    """A verdict with the unit, the true value and the picture of what was judged.

    A margin limits the difference to a baseline, and the truth of a finding is not that of the difference.
    """
    unit = unit_of(verdict, finding)
    own = truth if finding is not None and verdict.estimate == finding.estimate else None
    return verdict, unit, own, verdict_strip(verdict, unit, own)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters.update(
        clip=lambda text, length: clip(clean(text), length),
        quantity=quantity,
        estimate=_estimate,
        interval=interval,
        mark=mark,
        moment=moment,
        count=count,
        restated=restated,
        advised=advised,
        corrected=corrected,
        p_words=p_words,
        width=width,
    )
    environment.globals.update(words=WORDS, better=BETTER)
    return environment


def _shown(value: object) -> object:
    """Every text that the page shows passes here, before it is escaped; markup of our own does not."""
    return clip(clean(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


def _estimate(subject: Finding | Verdict, unit: str) -> str:
    return "no estimate" if subject.estimate is None else quantity(subject.estimate, unit, width(subject))
