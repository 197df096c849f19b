"""A name for the code a figure depends on: what it says, without its comments, docstrings and layout.

So a figure stays valid while words about the code change, and is measured again when the code does.
"""

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
#: Where modules of our own are found.
PLACES = (ROOT, ROOT / "layers" / "common")
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def of(*modules: str, alone: tuple[str, ...] = ()) -> str:
    """12 hex of these modules and all of ours that they import, and of those `alone` without what they import."""
    files = _reached(modules) | {name: path for name in alone if (path := _file(name)) is not None}
    texts = {name: said(path.read_text("utf-8")) for name, path in files.items()}
    return _hash("\0".join(f"{name}\0{texts[name]}" for name in sorted(texts)))


def of_functions(*functions: Callable[..., Any]) -> str:
    """12 hex of just these functions."""
    return _hash("\0".join(said(textwrap.dedent(inspect.getsource(function))) for function in functions))


def said(source: str) -> str:
    """Python without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            node.body = [part for part in node.body if not _words(part)] or [ast.Pass()]
    return ast.unparse(tree)


def _words(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)


def _reached(modules: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if path is not None and name not in found:
            found[name] = path
            waiting += _imported(path)
    return found


def _file(module: str) -> Path | None:
    paths = [place / (module.replace(".", "/") + ".py") for place in PLACES]
    return next((path for path in paths if path.is_file()), None)


def _imported(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
