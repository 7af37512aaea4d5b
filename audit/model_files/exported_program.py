"""Exported programs (``.pt2``), loaded after a check of everything that the loader would evaluate.

``torch.export.load`` trusts its file: it unpickles constants, evaluates shape expressions and guards as Python, resolves
operators by dotted name and runs compiled libraries from the archive. So the archive is first reduced to what a network
needs: raw tensors, operators of an allowed list, names that are plain names, and shape expressions of a small grammar. It
is then written again in memory, and that copy is loaded.
"""

import ast
import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.export.passes import move_to_device_pass
from torch.fx import GraphModule

from audit.errors import InputError
from audit.model_files.archive import pack_archive, read_archive

__all__ = ["load_program"]

PLAIN = re.compile(
    r"archive_format|archive_version|version|byteorder|\.data/\w+|\.format_version|\.storage_alignment"
    r"|data/weights/weight_\d+|data/constants/tensor_\d+"
)
PICKLED = re.compile(
    r"data/sample_inputs/model\.pt|data/(weights|constants)/model\.pt|serialized_(state_dict|constants|example_inputs)\.pt"
)
DESCRIBED = re.compile(r"models/model\.json|data/(weights|constants)/model_\w+\.json|serialized_exported_program\.json")
UNUSED = re.compile(r"extra/.*|extra_files/.*")

OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims)\.(?!from_file\b)_{0,2}[a-z]\w*\.[A-Za-z]\w*"
    r"|torch\.ops\.higher_order\.(wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|torch\.(_sym_sqrt|sym_(int|float|max|min|not|ite|sum))"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|pos|eq|ne|le|lt|ge|gt|and_|or_|not_|getitem)"
    r"|math\.(ceil|floor|trunc|sqrt)"
)
NAME = re.compile(r"[\w.+:/-]*", re.ASCII)
IDENTIFIER = re.compile(r"\w*", re.ASCII)
WRITTEN_INTO_CODE = ("name", "as_name", "forward_arg_names")  # the loader generates Python source with them
FREE_TEXT = ("as_string", "as_strings")  # become string literals, never code
EMPTIED: dict[str, list[str] | dict[str, str]] = {
    "guards_code": [],
    "metadata": {},
}  # executed, or kept for tracebacks only
# fmt: off
SYMBOLIC = {
    "Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Mod", "Max", "Min", "Abs", "Eq", "Ne", "Le", "Lt", "Ge",
    "Gt", "And", "Or", "Not", "floor", "ceiling", "Piecewise", "FloorDiv", "ModularIndexing", "Where", "PythonMod",
    "CleanDiv", "CeilToInt", "FloorToInt", "CeilDiv", "LShift", "RShift", "PowByNatural", "FloatPow", "FloatTrueDiv",
    "IntTrueDiv", "TruncToFloat", "TruncToInt", "RoundToInt", "RoundDecimal", "ToFloat", "Identity",
    "IsNonOverlappingAndDenseIndicator", "true", "false", "oo", "int_oo",
}
GRAMMAR = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.BoolOp, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.Tuple,
)
# fmt: on
SYMBOL = re.compile(r"[a-z]{1,4}\d+")
CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict")


def load_program(path: Path, device: torch.device) -> tuple[GraphModule, set[torch.dtype]]:
    """Load a file written by ``torch.export.save`` onto a device.

    Returns:
        The network, and the floating-point types of its tensors: a program keeps the type it was exported with.

    Raises:
        InputError: not such an archive, or one that holds more than a network; the message names what.
    """
    try:
        members = _checked(read_archive(path))
    except _Unsafe as error:
        raise InputError(f"{path}: {error}; it was not loaded") from error
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="This version of file is deprecated")
            program = torch.export.load(pack_archive(members, "network" if "archive_format" in members else ""))
    except Exception as error:  # the loader raises whatever its parts raise
        raise InputError(f"{path}: torch {torch.__version__} cannot load it ({type(error).__name__}: {error})") from error
    tensors = [*program.state_dict.values(), *program.constants.values()]
    kinds = {tensor.dtype for tensor in tensors if isinstance(tensor, torch.Tensor) and tensor.is_floating_point()}
    module = move_to_device_pass(program, device).module()
    assert isinstance(module, GraphModule)
    return module, kinds


class _Unsafe(ValueError):
    """Something in the archive that the loader would run."""


def _checked(members: dict[str, bytes]) -> dict[str, bytes]:
    if not any(name.startswith("models/") or name == "serialized_exported_program.json" for name in members):
        raise _Unsafe("not an exported program: it has no graph")
    kept: dict[str, bytes] = {}
    for name, data in members.items():
        if DESCRIBED.fullmatch(name):
            kept[name] = _description(name, data)
        elif PICKLED.fullmatch(name):
            kept[name] = _tensors_only(name, data)
        elif PLAIN.fullmatch(name):
            kept[name] = data
        elif not UNUSED.fullmatch(name):
            raise _Unsafe(f"member {name!r} is not part of a network (compiled code and pickled objects are refused)")
    return kept


def _tensors_only(name: str, data: bytes) -> bytes:
    if data:
        try:
            torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except Exception as error:  # whatever is wrong with it, the loader would go on to unpickle it in full
            raise _Unsafe(f"member {name!r} holds pickled objects other than tensors") from error
    return data


def _description(name: str, data: bytes) -> bytes:
    try:
        return json.dumps(_value(json.loads(data), name)).encode()
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Unsafe(f"member {name!r} is not JSON") from error


def _value(node: Any, key: str) -> Any:
    """A copy of a JSON value with every string checked by the rule of its key."""
    if isinstance(node, dict):
        return {_name(name): _entry(name, value) for name, value in node.items()}
    if isinstance(node, list):
        return [_value(item, key) for item in node]
    return _text(node, key) if isinstance(node, str) else node


def _entry(key: str, value: Any) -> Any:
    if key in EMPTIED:
        return EMPTIED[key]
    if key == "use_pickle" and value:
        raise _Unsafe("a tensor is stored as a pickle")
    if key.startswith(("as_custom", "as_opaque", "as_operator")):
        raise _Unsafe(f"the graph holds {key}, not only tensors and numbers")
    return _value(value, key)


def _text(text: str, key: str) -> str:
    if key in FREE_TEXT:
        return text
    if key == "expr_str":
        return _expression(text)
    if key in ("in_spec", "out_spec"):
        return _structure(text)
    if key == "target" and not OPERATOR.fullmatch(text):
        raise _Unsafe(f"operator {text[:80]!r} is not among those of a network")
    return _name(text, IDENTIFIER if key in WRITTEN_INTO_CODE else NAME)


def _name(text: str, pattern: re.Pattern[str] = NAME) -> str:
    if not pattern.fullmatch(text):
        raise _Unsafe(f"{text[:80]!r} stands where a plain name belongs")
    return text


def _expression(text: str) -> str:
    """A shape expression: numbers, symbols, comparisons and the functions of symbolic shapes."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _Unsafe(f"shape expression {text[:80]!r} is not understood") from error
    for node in ast.walk(tree):
        fine = isinstance(node, GRAMMAR)
        if isinstance(node, ast.Name):
            fine = node.id in SYMBOLIC or bool(SYMBOL.fullmatch(node.id))
        elif isinstance(node, ast.Call):
            fine = isinstance(node.func, ast.Name)
        elif isinstance(node, ast.Constant):
            fine = isinstance(node.value, int | float) or (
                isinstance(node.value, str) and bool(SYMBOL.fullmatch(node.value))
            )
        if not fine:
            raise _Unsafe(f"shape expression {text[:80]!r} is not plain arithmetic")
    return text


def _structure(text: str) -> str:
    """How inputs and outputs nest: tuples, lists and dictionaries with plain keys."""
    try:
        protocol, spec = json.loads(text) if text else (1, None)
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise _Unsafe("the structure of its inputs is not understood") from error
    return json.dumps([protocol, _nesting(spec)]) if text else text


def _nesting(spec: Any) -> dict[str, Any]:
    if not isinstance(spec, dict) or set(spec) != {"type", "context", "children_spec"} or spec["type"] not in CONTAINERS:
        raise _Unsafe("its inputs or outputs are not tensors in tuples, lists or dictionaries")
    context = spec["context"]
    if context is not None:
        keys = json.loads(context) if isinstance(context, str) else context
        if not (keys is None or (isinstance(keys, list) and all(isinstance(key, str | int) for key in keys))):
            raise _Unsafe("its inputs are dictionaries with keys that are not names")
        context = json.dumps(keys)
    return {"type": spec["type"], "context": context, "children_spec": [_nesting(child) for child in spec["children_spec"]]}
