"""The daemon never loads libllama or a graph: only the child and what it is made of may."""

import ast
import subprocess
import sys
from pathlib import Path

import edge.engine

PACKAGE = Path(next(iter(edge.engine.__path__)))
CHILD_ONLY = ("edge.engine.native", "edge.engine.onnx", "edge.engine.child")
CHILD_PARTS = {"native", "onnx"}


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_llama_cpp_is_imported_in_native_only() -> None:
    importers = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "llama_cpp" for name in imports_of(path))
    }

    assert importers == CHILD_PARTS


def test_nothing_but_the_child_imports_native() -> None:
    importers = {
        path.name
        for path in PACKAGE.parent.rglob("*.py")
        if not CHILD_PARTS & set(path.parts)
        and any(name.startswith(CHILD_ONLY) for name in imports_of(path))
    }

    assert importers == {"child.py"}


def test_importing_the_engine_does_not_load_libllama() -> None:
    native = "{'llama_cpp', 'onnxruntime', 'tokenizers'}"
    code = f"import sys, edge.engine.engine; sys.exit(len({native} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
