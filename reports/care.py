"""How people were treated: what was read of them, on what basis, and what became of their pictures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.component import Audited
from audit.purges import Purge
from audit.records import RunManifest
from reports.wording import clean, clip, count, listed, moment

__all__ = ["Care", "care_of", "in_brief", "persons", "photographs", "reads_people"]

PEOPLE_SCORERS = frozenset({"faces", "attributes", "zero_shot"})
"""Scorers that look at people, or may: the words on perceived attributes stand only where one of them ran."""
GENERATED = "generated"
AUTHORITY = "Authority"


@dataclass(frozen=True, slots=True)
class Care:
    """The section's rows."""

    facts: tuple[tuple[str, str], ...]
    likeness: tuple[tuple[str, str], ...]
    """Why it was asked whom pictures depict; empty where it was not."""


def care_of(audited: Audited, *, blurred: bool) -> Care | None:
    """The section; None where no scorer looks at people, no basis is stated and nothing was purged."""
    manifest = audited.manifest
    likeness = tuple(_likeness(manifest))
    bases = tuple(_bases(manifest))
    if not (audited.purges or likeness or bases or reads_people(manifest)):
        return None
    facts = (*_read(manifest), *bases, *_kept(audited, blurred=blurred))
    return Care(tuple(facts), likeness)


def reads_people(manifest: RunManifest) -> bool:
    """Whether a scorer that looks at people ran."""
    scorers = manifest.spec.get("scorers")
    uses = [use.get("use") for use in scorers if isinstance(use, dict)] if isinstance(scorers, list | tuple) else []
    return bool(manifest.people) or any(use in PEOPLE_SCORERS for use in uses)


def photographs(manifest: RunManifest) -> list[str]:
    """Generators whose images are said to be something other than generated."""
    bases = {name: settings.get("subject_basis", GENERATED).strip() for name, settings in manifest.settings.items()}
    return [name for name, basis in bases.items() if basis not in ("", GENERATED)]


def persons(manifest: RunManifest) -> str:
    """Who is depicted, in words; photographs show people who exist."""
    return "depicted persons" if photographs(manifest) else "depicted, fictitious persons"


def in_brief(audited: Audited) -> list[str]:
    """A sentence each on likeness and on deleted pictures, for a summary; none where there is nothing to say."""
    basis = dict(_likeness(audited.manifest))
    told = [f"Whom pictures depict was asked on this stated authority: {basis[AUTHORITY]}."] if AUTHORITY in basis else []
    return [*told, *(f"{_deleted(purge)}." for purge in audited.purges)]


def _read(manifest: RunManifest) -> Iterator[tuple[str, str]]:
    by: dict[str, list[str]] = {}
    for scorer, what in manifest.people.items():
        by.setdefault(what, []).append(clip(clean(scorer), 60))
    if by.get("attributes"):
        yield "Read of depicted persons", f"Perceived attributes, by {listed(by['attributes'])}."
    if by.get("identity"):
        yield "Compared between pictures", f"Whether they show one person, by {listed(by['identity'])}."
    elif reads_people(manifest):
        yield "Not asked", "Who anybody is. Nothing that tells persons apart ran."


def _bases(manifest: RunManifest) -> Iterator[tuple[str, str]]:
    for name, settings in manifest.settings.items():
        basis = settings.get("subject_basis")
        if basis is None:
            continue
        said = {"": "None is stated, so no attributes were read.", GENERATED: "Said to be generated images."}
        yield f"Basis of {clip(clean(name), 60)}", said.get(basis.strip(), f"Photographs, looked at on this basis: {basis}")


def _likeness(manifest: RunManifest) -> Iterator[tuple[str, str]]:
    basis: Any = manifest.spec.get("likeness")
    if not isinstance(basis, Mapping) or "identity" not in manifest.people.values():
        return  # a basis may be stated and nothing have asked
    words = {"who": "Of whom, and who answers", "authority": AUTHORITY, "purpose": "Purpose", "expires": "Holds until"}
    for name, told in words.items():
        if basis.get(name):
            yield told, str(basis[name])


def _kept(audited: Audited, *, blurred: bool) -> Iterator[tuple[str, str]]:
    if reads_people(audited.manifest):
        stored = "Where faces lie in the pictures, and what was read of them. No face embedding, no cut-out of a face."
        yield "Stored of persons", stored
    if not audited.purges and (audited.held or audited.outside):
        here = "Blurred in this page" if blurred else "Not blurred in this page, as it was asked for"
        yield "Pictures", f"{_where(audited)} {here}."
    for purge in audited.purges:
        yield "Pictures", f"{_deleted(purge)}. Reason: {clip(clean(purge.reason), 200)}."


def _where(audited: Audited) -> str:
    """Where the sharp pictures are, and what a purge would do."""
    if not audited.outside:
        return "Sharp in the run folder: imgaudit purge deletes them and keeps the figures."
    if not audited.held:
        return (
            "Sharp in their own files outside the run folder, which imgaudit purge leaves alone: it deletes the small "
            "copies in this page and keeps the figures."
        )
    return (
        f"{count(audited.held, 'sharp picture')} in the run folder, which imgaudit purge deletes with the small copies in "
        f"this page; {audited.outside:,} in their own files outside it, which it leaves alone. The figures stay."
    )


def _deleted(purge: Purge) -> str:
    when = moment(purge.started).partition(",")[0]
    what = [f"{count(purge.images, 'image')} of this run"] if purge.images else []
    what += ["small copies in reports"] if purge.outside and not purge.images else []
    what += ["feature vectors"] if purge.vectors else []
    outside = f"; {count(purge.outside, 'image lies', 'images lie')} outside it" if purge.outside else ""
    begun = "" if purge.finished else " (begun, not finished)"
    return f"Deleted on {when}{begun}: {' and '.join(what) or 'what was left'}{outside}"
