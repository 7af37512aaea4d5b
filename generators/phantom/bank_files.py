"""Files of truth banks: what a row holds, what the bank was drawn with, and whether the weights are still those."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, ValidationError

from audit.digest import digest, file_digest, short
from audit.errors import InputError, StoreError, WeightsMissing
from audit.records import Probe
from generators.phantom.decoding import ATTRIBUTES
from generators.phantom.defects import Record

__all__ = ["NOTHING", "SCHEMA", "Facts", "load", "store", "weights_digest"]

NOTHING = "nothing"
"""The second decoder read no level where the first did."""
WEIGHTS = ("*.safetensors", "*.json", "*.txt")
NOT_WEIGHTS = "card.json"
FACTS = b"imgaudit.phantom"
WORDS = pa.dictionary(pa.int16(), pa.string())
SCHEMA = pa.schema(
    [
        ("probe", WORDS),
        ("index", pa.int32()),
        ("seed", pa.int64()),
        ("outcome", WORDS),
        ("unread", WORDS),
        *((name, WORDS) for name in ATTRIBUTES),
        *((f"{name}:second", WORDS) for name in ATTRIBUTES),
        ("copy_distance", pa.float32()),
    ]
)
"""``probe``: as JSON. ``unread``: why nothing was read of the person or the picture; empty where it was.

Attributes: the level that the first decoder read; null where it read none. ``:second``: the other level, or ``nothing``,
that the second one read there; null where they agree. ``copy_distance``: see ``copies``; null without a picture.
"""
MAY_BE_NULL = {*ATTRIBUTES, *(f"{name}:second" for name in ATTRIBUTES), "copy_distance"}


class Facts(Record):
    """What a bank was drawn with."""

    format: Literal[1] = 1
    model: str
    """``even``, ``skewed``, ``regressed``, ``gan``, or the name of another model."""
    weights: dict[str, str]
    """``model`` and ``oracle`` -> digest, see ``weights_digest``."""
    settings: dict[str, str]
    """Of the generator: pipeline, steps, guidance, scheduler."""
    versions: dict[str, str]
    """Libraries that drew and read."""
    device: str
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)
    """What the seeds of the draws were derived from, as from the seed of a spec."""
    copy_below: float = Field(gt=0)
    """A ``copy_distance`` below it counts as a copy."""


def weights_digest(folder: Path) -> str:
    """Digest of a model's folder: names and contents of its weights, configuration and words; cards are left out.

    Raises:
        WeightsMissing: there are none.
    """
    files = sorted({file for pattern in WEIGHTS for file in folder.rglob(pattern) if file.name != NOT_WEIGHTS})
    if not any(file.suffix == ".safetensors" for file in files):
        raise WeightsMissing(f"{folder}: no safetensors below it; install imgaudit anew, or train the model there")
    return digest({file.relative_to(folder).as_posix(): file_digest(file) for file in files})


def store(path: Path, facts: Facts, table: pa.Table) -> None:
    """Write a bank, whole or not at all."""
    told = table.cast(SCHEMA).replace_schema_metadata({FACTS: facts.model_dump_json().encode()})
    beside = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(told, beside, compression="zstd", compression_level=19, write_page_checksum=True)
    beside.replace(path)


def load(path: Path, weights: Mapping[str, str]) -> tuple[Facts, pa.Table]:
    """Read a bank and see that it is sound and of these weights.

    Args:
        path: a file that ``store`` wrote.
        weights: ``model`` and ``oracle`` -> digest that the bank must have; what is not named is not compared.

    Raises:
        InputError: no such file, no bank, or a damaged one.
        StoreError: a bank of other weights.
    """
    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read(use_threads=False)
        facts = Facts.model_validate_json((table.schema.metadata or {}).get(FACTS, b""))
        _check_columns(path, table)
        for probe in table["probe"].unique().to_pylist():
            Probe.model_validate_json(probe)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; {_draw_again(path)}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        told = ".".join(map(str, fault["loc"])) or "its facts"
        raise InputError(f"{path}: not a truth bank ({told}: {fault['msg']}); {_draw_again(path)}") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError, IndexError) as error:
        raise InputError(f"{path}: cannot be read ({' '.join(str(error).split())[:120]}); {_draw_again(path)}") from error
    for what, expected in weights.items():
        found = facts.weights.get(what, "none")
        if found != expected:
            raise StoreError(
                f"{path}: drawn with other weights of the {what} ({short(found)}) than are here ({short(expected)}), so it "
                f"says nothing of them; {_draw_again(path)}"
            )
    return facts, table


def _check_columns(path: Path, table: pa.Table) -> None:
    if not table.schema.equals(SCHEMA):
        odd = [field.name for field in SCHEMA if field not in list(table.schema)] or ["more columns than a bank has"]
        raise InputError(f"{path}: not the columns of a truth bank ({odd[0]}); {_draw_again(path)}")
    if not table.num_rows:
        raise InputError(f"{path}: a bank without draws; {_draw_again(path)}")
    for name in SCHEMA.names:
        if name not in MAY_BE_NULL and table[name].null_count:
            raise InputError(f"{path}: column {name} lacks {table[name].null_count} values; {_draw_again(path)}")
    for name, levels in ATTRIBUTES.items():
        for column, allowed in ((name, levels), (f"{name}:second", (*levels, NOTHING))):
            strange = set(table[column].unique().to_pylist()) - {*allowed, None}
            if strange:
                raise InputError(f"{path}: {column} holds {min(strange)!r}, which is no level; {_draw_again(path)}")


def _draw_again(path: Path) -> str:
    return f"install imgaudit anew, or draw it again: python -m training.phantom.bank {path.stem} --out {path}"
