"""A folder imports only from those before it, and what needs no torch does not load it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skeletonmae

ROOT = Path(skeletonmae.__file__).parent
ORDER = (
    "errors", "config", "renames", "files", "limits", "memory", "processes", "threads", "skeletons", "sequences", "formats", "pose", "datasets", "validation", "predictions", "runtime",
    "batches", "transforms", "masking", "models", "methods", "training", "evaluation", "recipe", "pretraining_data", "checkpoint", "encoders", "compatibility", "runs",
    "inference", "estimators", "export", "plotting", "rendering", "live", "demo", "cli", "__main__",
)  # fmt: skip
ALLOWED = {("formats/video.py", "pose")}
"""A video is read like any other file, and its reader needs the pose estimators when it reads."""
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def place_of(module: str) -> str:
    return Path(module).parts[0].removesuffix(".py")


def imported(source: str, module: str) -> set[str]:
    """The folders (or files) of the package that a module imports from, wherever in it the import stands."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(("skeletonmae", *Path(module).parts)[: -node.level]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return {name[1] for name in parts if name[0] == "skeletonmae" and len(name) > 1 and name[1] != "__version__"}


def without_type_checking(source: str) -> str:
    """The source without the imports that are for type checkers alone."""
    tree = ast.parse(source)
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    ]
    return ast.unparse(tree)


def offenders(source: str, module: str) -> list[str]:
    here = place_of(module)
    if here == "__init__":
        return sorted(imported(without_type_checking(source), module))
    return sorted(
        name
        for name in imported(source, module)
        if ORDER.index(name) > ORDER.index(here) and (module, name) not in ALLOWED
    )


@pytest.mark.parametrize("module", MODULES)
def test_a_folder_imports_only_from_those_before_it(module: str) -> None:
    assert place_of(module) in (*ORDER, "__init__"), f"{module} has no place in the order of the house"
    found = offenders((ROOT / module).read_text(), module)
    assert not found, f"{module} imports from {', '.join(found)}, which come later"


def test_offenders_are_found() -> None:
    source = (
        "from skeletonmae.cli import main\nfrom skeletonmae import recipe\nimport skeletonmae.models.transformer"
    )
    assert offenders(source, "masking/mask.py") == ["cli", "models", "recipe"]
    assert offenders("def f():\n    from ..demo import x", "masking/mask.py") == ["demo"]
    assert offenders("from skeletonmae import __version__, masking\nfrom .mask import x", "masking/a.py") == []
    assert offenders("from skeletonmae import cli", "__init__.py") == ["cli"]
    for_types = "if TYPE_CHECKING:\n    from skeletonmae.cli import main\n"
    assert offenders(for_types, "__init__.py") == []
    assert offenders(for_types + "import skeletonmae.recipe", "__init__.py") == ["recipe"]


NO_TORCH = [
    "",
    ".skeletons",
    ".sequences",
    ".formats",
    ".pose",
    ".datasets",
    ".validation",
    ".predictions",
    ".runtime",
    ".cli",
]


def test_these_do_without_torch() -> None:
    code = f"""
import importlib, sys
for module in {NO_TORCH}:
    importlib.import_module("skeletonmae" + module)
    assert "torch" not in sys.modules, module
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
