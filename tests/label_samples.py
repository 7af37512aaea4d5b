"""Runs, samples for rating and raters' files with known contents, for tests of labels."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from audit.digest import bytes_digest, short
from audit.labels import Item, LabelSample, Stratum
from audit.records import Draw, Failed, ImageRecord, Made, Probe, RunManifest, TextPrompt
from audit.store import RunStore

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


KEY = "sha256:" + "c" * 64
ORACLE = {"use": "phantom_oracle"}
PRESENTATION = {"use": "representation", "params": {"column": "phantom_oracle.perceived_presentation"}}
PROMPTS = [Probe(suite="test", condition=TextPrompt(text=f"prompt {n}")) for n in range(4)]


def image_of(generator: str, n: int) -> str:
    return bytes_digest(f"{generator} {n}".encode())


def stored_run(
    folder: Path, drawn: Mapping[str, Iterable[str | None]], spec: Mapping[str, object] | None = None, wanted: int = 10**6
) -> RunStore:
    """A finished run whose classifier read of each generator's draws what is given: None abstained, ``failed`` no image.

    Draws go round the prompts; image bytes are not stored. ``spec`` overrides fields, ``settings`` those of generators.
    """
    store = RunStore(folder)
    spec = dict(spec or {})
    manifest = RunManifest(
        digest="sha256:" + "d" * 64,
        settings=spec.pop("settings", {}),
        spec={
            "name": "labelled",
            "seed": 5,
            "generators": [{"use": "phantom", "name": name} for name in drawn],
            "probes": [{"use": "phantom"}],
            "scorers": [ORACLE],
            "metrics": [PRESENTATION],
            **spec,
        },
        keys={f"generator.{name}": KEY for name in drawn} | {"scorer.phantom_oracle": KEY},
        numerics={},
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:01+00:00",
    )
    store.write_json("manifest.json", manifest.model_dump(mode="json"))
    probes = {probe.id: probe.model_dump(mode="json") for probe in PROMPTS}
    store.write_json("grid.json", {"probes": probes, "wanted": {g: dict.fromkeys(probes, wanted) for g in drawn}})
    for name, labels in drawn.items():
        add_draws(store, name, list(labels))
    return store


def add_draws(store: RunStore, generator: str, labels: Sequence[str | None], start: int = 0) -> None:
    """More draws with what the classifier read in them."""
    records, rows = [], []
    for n, label in enumerate(labels, start=start):
        image = image_of(generator, n)
        made = Made(image=image, width=8, height=8, codec="png") if label != "failed" else Failed(reason="no luck")
        draw = Draw(generator=generator, probe=PROMPTS[n % 4].id, index=n // 4, seed=n)
        records.append((ImageRecord(draw=draw, outcome=made, seconds=0.1, device="cpu", batch=1), ""))
        if label != "failed":
            why = None if label else "nobody in the picture"
            rows.append({"subject": image, "region": -1, COLUMN: label, f"{COLUMN}:why": why, f"{COLUMN}:confidence": None})
    store.append_draws(f"{generator}-{short(KEY)}", records)
    kinds = [pa.string(), pa.int16(), pa.string(), pa.string(), pa.float64()]
    names = ["subject", "region", COLUMN, f"{COLUMN}:why", f"{COLUMN}:confidence"]
    store.append_scores(
        f"phantom_oracle-{short(KEY)}", pa.Table.from_pylist(rows, schema=pa.schema(zip(names, kinds, strict=True)))
    )


COLUMN = "perceived_presentation"
