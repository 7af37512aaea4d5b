"""The known-answer checks of the instruments, in words: what every number of a report rests on."""

from dataclasses import dataclass

from audit.records import Check, RunManifest
from reports.wording import clean, clip, count, listed

__all__ = ["Checked", "checked"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks say together."""

    line: str
    failed: tuple[Check, ...]
    others: tuple[Check, ...]

    @property
    def rows(self) -> tuple[Check, ...]:
        """All checks, those that failed first."""
        return self.failed + self.others


def checked(manifest: RunManifest) -> Checked:
    """One line, and the checks behind it; a run without checks says so."""
    failed = tuple(check for check in manifest.checks if not check.passed)
    others = tuple(check for check in manifest.checks if check.passed)
    return Checked(_line(failed, len(manifest.checks)), failed, others)


def _line(failed: tuple[Check, ...], size: int) -> str:
    if not size:
        return "The instruments were not checked: run `imgaudit doctor RUN`."
    if not failed:
        all_of_them = "The one known-answer check" if size == 1 else f"All {size:,} known-answer checks"
        return f"{all_of_them} of the instruments passed."
    names = listed(list(dict.fromkeys(clip(clean(check.instrument), 60) for check in failed)))
    return (
        f"{len(failed):,} of {count(size, 'known-answer check')} of the instruments failed: {names}. Do not rely on "
        "numbers that they are behind."
    )
