"""Pages of hand-made audits."""

from pathlib import Path

import pytest
from rendering import sample_audit, sample_skew

from reports.html import Html


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Rendered pages: a demo, one without findings or gates, one of a very long run, and two of skew."""
    folder = tmp_path_factory.mktemp("pages")
    audits = {
        "demo": sample_audit.demo(),
        "empty": sample_audit.audited((), ()),
        "long": sample_audit.long(),
        "skewed": sample_skew.skewed(),
        "people": sample_audit.people(),
        "failed checks": sample_skew.skewed(failed=2),
    }
    written = {}
    for name, audited in audits.items():
        written[name] = folder / f"{name}.html"
        written[name].write_bytes(Html().render(audited))
    return written
