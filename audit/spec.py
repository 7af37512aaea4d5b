"""AuditSpec: what a user asks for, read from YAML, with errors that carry the path of the field."""

import difflib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, Field, FiniteFloat, ValidationError, model_validator
from pydantic_core import ErrorDetails

from audit.errors import InputError, SpecError
from audit.records import Record

__all__ = ["AuditSpec", "GateRule", "LikenessBasis", "Use", "explain", "load_spec", "nearest", "override", "parse_spec"]

MAX_SPEC_BYTES = 5_000_000
MAX_DEPTH = 50
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


EXPECTED = {
    **dict.fromkeys(("tuple_type", "list_type"), "a list such as [a, b]"),
    "string_type": "text",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "fields, as `key: value`"),
}
"""Type of a pydantic error -> what was expected, in plain words."""


class Use(Record):
    """One plugin in a spec: which, under what name, with which parameters."""

    use: str
    """Name of the plugin, as ``imgaudit list`` prints it."""
    name: str = Field(default="", pattern=r"^$|" + NAME)
    """Name within this audit; the plugin's own name unless two of a kind are used."""
    params: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """The name within this audit."""
        return self.name or self.use


class GateRule(Record):
    """A rule on findings. Exactly one of ``at_most``, ``at_least`` and ``margin``."""

    metric: str
    """Finding that it judges, for example ``fidelity.kid``."""
    generator: str = ""
    """Judge this generator only; empty: each of them."""
    where: dict[str, str] = {}
    """Judge the findings with these labels and axis levels only, and none that has others."""
    at_most: FiniteFloat | None = None
    at_least: FiniteFloat | None = None
    margin: FiniteFloat | None = Field(default=None, ge=0)
    """How much worse than the baseline is still accepted."""
    baseline: str = ""
    """With ``margin``: a run folder, an exported baseline file, or ``generator:NAME`` of this run."""
    min_n: int = Field(default=1, ge=1)
    """Fewer draws than this: invalid, not pass."""
    max_missing_share: FiniteFloat = Field(default=0.5, ge=0, le=1)
    """More missing draws than this: invalid, not pass."""
    note: str = ""
    """Why the rule is there; shown beside its verdict."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if sum(rule is not None for rule in (self.at_most, self.at_least, self.margin)) != 1:
            raise ValueError("give exactly one of at_most, at_least and margin")
        if (self.margin is None) != (not self.baseline):
            raise ValueError("margin and baseline go together")
        return self


class LikenessBasis(Record):
    """Why it may be asked whether pictures depict a certain person. Without it nothing that recognises people runs."""

    who: str = Field(min_length=3)
    """Whose likeness is looked for, and who answers for asking."""
    authority: str = Field(min_length=3)
    """Consent, contract or law that allows it."""
    purpose: str = Field(min_length=3)
    expires: date
    """Last day on which it holds (UTC)."""


def _names_differ(uses: tuple[Use, ...]) -> tuple[Use, ...]:
    seen: set[str] = set()
    for use in uses:
        if use.label in seen:
            raise ValueError(f"two entries are named {use.label!r}; give one of them another `name`")
        seen.add(use.label)
    return uses


Uses = Annotated[tuple[Use, ...], AfterValidator(_names_differ)]


class AuditSpec(Record):
    """One audit: which generators are asked what, how it is measured, and what counts as good enough."""

    name: str = Field(pattern=NAME)
    seed: int = Field(default=0, ge=0, lt=2**53)
    generators: Uses = Field(min_length=1)
    probes: Uses = ()
    scorers: Uses = ()
    metrics: Uses = ()
    references: Uses = (Use(use="uniform"),)
    """Distributions that measured shares are laid beside."""
    likeness: LikenessBasis | None = None
    """Basis for asking whom pictures depict; off without it."""
    gates: tuple[GateRule, ...] = ()
    draws_per_probe: int = Field(default=8, ge=1)
    confidence: FiniteFloat = Field(default=0.95, gt=0.5, lt=1)


class _Loader(yaml.SafeLoader):
    """Plain YAML without what would hide a fault: a key that is given twice, nesting without end."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse what is nested too deeply, before Python's own limit is met."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"line {self.line + 1}: nested more than {MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a repeated key here, where keys that ``<<`` merges in, which may repeat, are not there yet."""
        node = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], int] = {}
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            line, name = key.start_mark.line + 1, (key.tag, key.value)
            if name in seen:
                raise yaml.YAMLError(f"line {line}: the key {key.value!r} is there already, on line {seen[name]}; keep one")
            seen[name] = line
        return node


def _read_yaml(text: str | bytes) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"not valid YAML: {' '.join(str(error).split())}") from error


def load_spec(path: Path, changes: Sequence[str] = ()) -> AuditSpec:
    """Read a spec from a YAML file and apply ``--set`` changes such as ``draws_per_probe=32``.

    Relative paths in it count from the current folder.

    Raises:
        InputError: the file is absent or not YAML.
        SpecError: a field is unknown, missing or of the wrong type; the message names its path.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such spec file; `imgaudit init` writes one to start from") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if len(raw) > MAX_SPEC_BYTES:
        raise InputError(f"{path}: {len(raw)} bytes; a spec has at most {MAX_SPEC_BYTES}")
    try:
        data = _read_yaml(raw)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return parse_spec(data, source=str(path), changes=changes)


def parse_spec(data: Any, *, source: str = "spec", changes: Sequence[str] = ()) -> AuditSpec:
    """Check parsed YAML and make the spec; all faults are reported together."""
    if not isinstance(data, dict):
        raise SpecError(f"{source}: a spec is a mapping with `name`, `generators`, ...; found {type(data).__name__}")
    for change in changes:
        data = override(data, change)
    try:
        return AuditSpec.model_validate(data)
    except ValidationError as error:
        raise SpecError(explain(error, source, AuditSpec)) from None


def override(data: dict[str, Any], change: str) -> dict[str, Any]:
    """Apply one ``a.b=value`` change and return a new mapping; the value is read as YAML.

    A step into a list is an index or an entry's name: ``generators.dcgan.params.batch=16``.

    >>> override({"draws_per_probe": 8}, "draws_per_probe=32")
    {'draws_per_probe': 32}
    """
    path, equals, text = change.partition("=")
    if not equals or not path:
        raise SpecError(f"--set {change}: expected FIELD=VALUE, for example draws_per_probe=32")
    try:
        value = _read_yaml(text)
    except InputError as error:
        raise SpecError(f"--set {change}: the value is {error}") from error
    changed = _with(data, path.split("."), value, change)
    assert isinstance(changed, dict)
    return changed


def _with(node: Any, steps: list[str], value: Any, change: str) -> Any:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(node, list):
        position = _position(node, step, change)
        return [_with(item, rest, value, change) if i == position else item for i, item in enumerate(node)]
    if node is None or isinstance(node, dict):
        return {**(node or {}), step: _with((node or {}).get(step), rest, value, change)}
    raise SpecError(f"--set {change}: {step!r} is inside {node!r}, which has no fields")


def _position(items: list[Any], step: str, change: str) -> int:
    names = [item.get("name") or item.get("use") if isinstance(item, dict) else None for item in items]
    if step in names:
        return names.index(step)
    if step.isdigit() and int(step) < len(items):
        return int(step)
    raise SpecError(f"--set {change}: no entry {step!r}; there are {', '.join(map(str, names)) or 'none'}")


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint for a misspelt word: the nearest known one, or the whole short list."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "none is known"


def explain(error: ValidationError, source: str, model: type[BaseModel]) -> str:
    """All faults of a validation, a line each, with the path of the field and a remedy."""
    faults = error.errors()
    within = {fault["loc"][:depth] for fault in faults for depth in range(len(fault["loc"]))}
    told = [
        fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in within
    ]  # its items are at fault
    return "\n".join(_line(fault, source, model) for fault in told)


def _line(fault: ErrorDetails, source: str, model: type[BaseModel]) -> str:
    path = ".".join(str(step) for step in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = _fields_at(model, fault["loc"][:-1])
        return f"{source}: {path}: unknown key; {nearest(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"{source}: {path}: required, but missing"
    found = "nothing" if fault["input"] is None else repr(fault["input"])
    shown = found if len(found) <= 80 else found[:77] + "..."
    where = f"{source}: {path + ': ' if path else ''}"
    if wanted := _expected(fault):
        return f"{where}expected {wanted}, found {shown}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}{message}{'' if fault['type'] == 'value_error' else f' (found {shown})'}"


def _expected(fault: ErrorDetails) -> str:
    """The form that a field is expected in, where pydantic's words are for programmers; empty where they will do."""
    kind, least = fault["type"], fault.get("ctx", {}).get("min_length", 1)
    if kind == "too_short":
        return f"at least {least} item{'' if least == 1 else 's'}"
    if kind == "string_too_short":
        return f"text of at least {least} character{'' if least == 1 else 's'}"
    return "a date such as 2027-12-31 (year-month-day)" if kind.startswith("date_") else EXPECTED.get(kind, "")


def _fields_at(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that a path of an error leads to."""
    children: dict[str, type[BaseModel]] = {"gates": GateRule, "likeness": LikenessBasis}
    children |= dict.fromkeys(("generators", "probes", "scorers", "metrics", "references"), Use)
    if model is AuditSpec and path:
        return list(children[str(path[0])].model_fields) if str(path[0]) in children else []
    return [field.alias or name for name, field in model.model_fields.items()]
