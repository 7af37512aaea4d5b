"""The shape of the code: what imports what, how long things are, what is exported."""

import ast
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("audit", "generators", "probes", "reports")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
HEAVY = (
    "c2pa",
    "faiss",
    "skimage",
    "torch",
    "diffusers",
    "transformers",
    "open_clip",
    "timm",
    "onnxruntime",
    "dlib",
    "ray",
    "matplotlib",
    "jinja2",
)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_importing_the_core_loads_no_heavy_library() -> None:
    code = "import sys, audit.cli; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in HEAVY if name in done.stdout.split()] == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_file_and_no_function_is_too_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, "a file of more than 400 lines is two files"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_first_party_import_hides_in_a_function(path: Path) -> None:
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not [name for name in names if name.partition(".")[0] in PACKAGES], f"line {node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_every_name_in_all_is_there_and_sorted(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            assert len(set(names)) == len(names)
            defined = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
            defined |= {ast.unparse(t) for n in tree.body if isinstance(n, ast.Assign) for t in n.targets}
            defined |= {ast.unparse(n.target) for n in tree.body if isinstance(n, ast.AnnAssign)}
            imports = [n for n in tree.body if isinstance(n, ast.ImportFrom | ast.Import)]
            defined |= {a.asname or a.name for n in imports for a in n.names}
            assert set(names) <= defined, set(names) - defined


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_public_classes_and_functions_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body, "the module has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def test_nothing_is_unpickled() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert keywords.get("weights_only") == "True", f"{relative(path)}:{node.lineno}"
            called = isinstance(node, ast.Call) and ast.unparse(node.func) in ("pickle.load", "pickle.loads", "joblib.load")
            assert not called, f"{relative(path)}:{node.lineno}"


def test_every_built_in_is_an_entry_point_of_the_distribution() -> None:
    for kind in ("generators", "probes", "scorers", "metrics", "reports"):
        own = [point for point in entry_points(group=f"audit.{kind}") if point.dist and point.dist.name == "imgaudit"]
        assert own
        for point in own:
            assert point.load().__doc__
