"""Samples for rating and raters' files with known contents, for tests of labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from audit.digest import bytes_digest
from audit.labels import Item, LabelSample, Stratum

LEVELS = ("older", "younger")


def sample(*strata: tuple[str, str, int, int], levels: Sequence[str] = LEVELS, regional: bool = False) -> LabelSample:
    """Strata are (generator, predicted, size, chosen); their items are numbered through from ``i00``."""
    items = []
    for place, (generator, _, _, chosen) in enumerate(strata):
        for _ in range(chosen):
            n = len(items)
            draw = {"generator": generator, "probe": f"p{n % 3}", "index": n, "image": bytes_digest(b"%d" % n)}
            items.append(Item(id=f"i{n:02d}", stratum=place, **draw))
    return LabelSample(
        run="sha256:" + "a" * 64,
        column="attributes.perceived_age",
        title="Perceived age",
        levels=tuple(levels),
        regional=regional,
        seed=3,
        strata=tuple(Stratum(generator=g, predicted=p, size=size, chosen=chosen) for g, p, size, chosen in strata),
        items=tuple(items),
    )


def rated(path: Path, labels: Mapping[str, str]) -> Path:
    """A rater's file."""
    path.write_text("item,label\n" + "".join(f"{item},{label}\n" for item, label in labels.items()))
    return path
