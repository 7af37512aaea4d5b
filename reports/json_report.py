"""The machine-readable twin of the HTML report."""

import json
from typing import ClassVar

from audit.component import Audited, Report
from audit.records import jsonable

__all__ = ["SCHEMA", "Json"]

SCHEMA = "imgaudit-report/1"
"""Name and version of this file's format. The number rises when a reader of the old one would be misled."""


class Json(Report):
    """Manifest, findings and verdicts as JSON: what the page shows, complete, and the same bytes for the same records.

    ``findings[].key`` is what ``verdicts[].finding`` refers to. Keys are sorted and every value stands on a line of its
    own, so that two reports can be compared line by line; all but ASCII is escaped, so that no character hides.
    """

    filename: ClassVar[str] = "report.json"

    def render(self, audited: Audited) -> bytes:
        """The whole file, ASCII."""
        content = {
            "schema": SCHEMA,
            "manifest": jsonable(audited.manifest),
            "findings": [{"key": finding.key, **jsonable(finding)} for finding in audited.findings],
            "purges": [jsonable(purge) for purge in audited.purges],
            "verdicts": [jsonable(verdict) for verdict in audited.verdicts],
        }
        return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")
