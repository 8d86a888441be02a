"""Promises about the source itself."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "tlstudio").rglob("*.py"))


# What turns data into code, by the module it comes from; an empty set: everything in it.
UNSAFE_MODULES: dict[str, set[str]] = {
    **{name: set() for name in ("marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "yaml", "xmlrpc")},
    "pickle": {"load", "loads", "Unpickler", "_Unpickler"},
    "torch": {"hub"},
    "torch.jit": {"load"},
    "importlib": {"import_module", "__import__"},
    "code": set(),
    "codeop": set(),
    "shutil": {"unpack_archive"},
    "tarfile": set(),
    "os": {"system", "popen"},
}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__"}
UNSAFE_METHODS = {"extractall", "__import__", "__reduce__", "__setstate__"}
UNSAFE_ARGUMENTS = {("allow_pickle", True), ("weights_only", False), ("shell", True), ("trust_remote_code", True)}
TORCH_LOADS = {"weights.py"}
# They load modules whose names stand in their source, one after the other.
IMPORTS_BY_NAME = {"preload.py", "curves.py", "feature_map.py"}


def unsafe(tree: ast.AST) -> Iterator[str]:
    """What in a module's source could run what a file says."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (f"import {name.name}" for name in names if UNSAFE_MODULES.get(name.name) == set())
            case ast.ImportFrom(module=str(module), names=names):
                if (banned := UNSAFE_MODULES.get(module)) is not None:
                    yield from (f"from {module} import {n.name}" for n in names if not banned or n.name in banned)
            case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant()]):
                pass  # a module that is named right there
            case ast.Call(func=ast.Name(name)) if name in UNSAFE_CALLS:
                yield f"{name}()"
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                of = ast.unparse(owner)
                if name in UNSAFE_MODULES.get(of, ()) or name in UNSAFE_METHODS:
                    yield f"{of}.{name}()"
            case ast.Attribute(value=ast.Name("torch"), attr="hub"):
                yield "torch.hub"
        if isinstance(node, ast.Call):
            given = {(k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)}
            yield from (f"{name}={value}" for name, value in given & UNSAFE_ARGUMENTS)


def torch_loads(tree: ast.AST) -> Iterator[bool]:
    """For each call of torch.load, whether it takes weights only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            yield any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "tlstudio")))
def test_nothing_runs_what_a_file_says(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    known = {"importlib.import_module()"} if path.name in IMPORTS_BY_NAME else set()
    assert set(unsafe(tree)) == known
    loads = list(torch_loads(tree))
    assert all(loads)
    assert not loads or path.name in TORCH_LOADS


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.loads(data)",
        "from pickle import loads",
        "import joblib",
        "from yaml import load",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
        "exec(text)",
        "__import__(name)",
        "importlib.import_module(name)",
        "subprocess.run(text, shell=True)",
        "archive.extractall()",
        "torch.hub.load(name)",
        "torch.load(path, weights_only=False)",
        "os.system(text)",
    ],
)
def test_the_search_finds_what_it_looks_for(source: str) -> None:
    assert list(unsafe(ast.parse(source)))


def test_a_load_of_more_than_weights_is_found() -> None:
    assert list(torch_loads(ast.parse("torch.load(path)"))) == [False]


def test_the_command_line_starts_without_torch() -> None:
    code = "import sys, tlstudio.__main__, tlstudio.tasks; "
    code += "print([m for m in ('torch', 'torchvision', 'timm', 'numpy', 'PySide6', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
