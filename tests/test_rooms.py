"""Imports follow the data: each room may import what its line here says, and nothing else of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark import ROOT

PACKAGES = ("benchmark", "cloudmask", "compliance", "submission")
#: Modules of compliance that everything in it may use.
KERNEL = ("finding", "registry", "wording", "placeholders", "benchmarks")

#: Room -> the rooms that it may import apart from itself. A package's own modules (its entry points) are
#: the room "benchmark", "compliance" or "submission".
ALLOWED: dict[str, str] = {
    "benchmark.core": "",
    "benchmark.record": "benchmark.core",
    "benchmark.scenes": "benchmark.core",
    "benchmark.config": "benchmark.core benchmark.record",
    "benchmark.stores": "benchmark.core benchmark.scenes",
    "benchmark.synthesis": "benchmark.core benchmark.scenes",
    "benchmark.download": "benchmark.core",
    "benchmark.compute": "benchmark.core benchmark.scenes benchmark.stores",
    "benchmark.methods": "benchmark.core benchmark.scenes benchmark.compute",
    "benchmark.training": "benchmark.core benchmark.record benchmark.scenes benchmark.config "
    "benchmark.stores benchmark.synthesis benchmark.methods benchmark.compute",
    "benchmark.products": "benchmark.core",
    "benchmark.predict": "benchmark.core benchmark.record benchmark.scenes benchmark.config "
    "benchmark.methods benchmark.training benchmark.products",
    "benchmark.comparison": "benchmark.core benchmark.record",
    "benchmark.sweep": "benchmark.core benchmark.record benchmark.config",
    "benchmark.bench": "benchmark.core benchmark.record benchmark.scenes benchmark.config "
    "benchmark.stores benchmark.methods benchmark.compute benchmark.training",
    "benchmark": "benchmark.core benchmark.record benchmark.scenes benchmark.config benchmark.synthesis "
    "benchmark.download benchmark.compute benchmark.training",
    "compliance.kernel": "benchmark.core",
    "compliance.clauses": "",
    "compliance.subjects": "compliance.kernel benchmark.core benchmark.record",
    "compliance.rules": "compliance.kernel compliance.subjects benchmark.core benchmark.record "
    "benchmark.config",
    "compliance.reports": "compliance.kernel compliance.clauses compliance.subjects compliance.rules "
    "benchmark.core benchmark.record",
    "compliance.upstream": "compliance.kernel compliance.subjects compliance.rules benchmark.core",
    "compliance": "compliance.kernel compliance.subjects compliance.rules compliance.reports "
    "compliance.upstream benchmark.core benchmark.record benchmark.scenes",
    "submission.runs": "compliance compliance.kernel compliance.subjects benchmark.core benchmark.record "
    "benchmark.config",
    "submission.bundle": "compliance compliance.kernel compliance.subjects compliance.rules submission.runs "
    "benchmark.core benchmark.record benchmark.config benchmark.download",
    "submission.system": "compliance compliance.kernel compliance.subjects compliance.rules "
    "compliance.reports submission.runs submission.bundle benchmark.core benchmark.record",
    "submission.figures": "compliance.subjects submission.runs benchmark.core benchmark.scenes "
    "benchmark.config",
    "submission.documents": "compliance.kernel compliance.subjects submission.runs submission.bundle "
    "submission.figures submission.system benchmark.core benchmark.record benchmark.config",
    "submission.report": "compliance.kernel compliance.subjects compliance.rules submission.runs "
    "submission.bundle submission.figures submission.documents benchmark.core",
    "submission.verify": "submission compliance compliance.kernel compliance.subjects compliance.rules "
    "compliance.reports submission.runs submission.system submission.bundle submission.figures "
    "submission.documents submission.report benchmark.core benchmark.record benchmark.scenes "
    "benchmark.config benchmark.methods benchmark.synthesis benchmark.download benchmark.training",
    "submission": "compliance compliance.kernel compliance.subjects compliance.rules compliance.reports "
    "submission.runs submission.system submission.bundle submission.figures submission.documents "
    "submission.report submission.verify benchmark.core benchmark.record benchmark.config benchmark.scenes",
    # what programs import: thin, and above all rooms
    "cloudmask": "benchmark benchmark.core benchmark.scenes benchmark.config "
    "benchmark.training benchmark.products benchmark.predict compliance compliance.kernel compliance.reports "
    "submission",
}

#: Where TensorFlow may be imported; everything else starts without it. Methods import it within functions.
TENSORFLOW = ("benchmark/compute/", "benchmark/bench/", "benchmark/methods/")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def room_of(module: str) -> str:
    """The room of a module's dotted name: ``benchmark.core.errors`` -> ``benchmark.core``."""
    package, *rest = module.split(".")
    if package == "compliance" and rest and rest[0] in KERNEL:
        return "compliance.kernel"
    room = f"{package}.{rest[0]}" if rest else package
    return room if room in ALLOWED else package


def imports(path: Path) -> Iterator[str]:
    """Dotted names of everything that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = {room, *ALLOWED[room].split()}
    turned_back = []
    for path in MODULES:
        module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        if room_of(module) != room:
            continue
        for name in imports(path):
            ours = name.split(".")[0] in PACKAGES
            if ours and name not in ("benchmark.ROOT", "benchmark.PACKAGE") and room_of(name) not in allowed:
                turned_back.append(f"{module} imports {name}")
    assert turned_back == []


def test_every_folder_of_modules_is_a_room_and_says_what_it_is() -> None:
    for folder in {path.parent for path in MODULES}:
        assert folder.parent.name == "rules" or room_of(".".join(folder.relative_to(ROOT).parts)) in ALLOWED
        statement = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
        assert statement, f"{folder} has no statement in its __init__.py"


def test_tensorflow_is_imported_only_where_tensors_are_computed() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if any(name.split(".")[0] in ("tensorflow", "keras") for name in imports(path))
    }
    assert found
    assert [name for name in sorted(found) if not name.startswith(TENSORFLOW)] == []


def test_no_room_has_more_than_fifteen_modules_and_no_module_more_than_350_lines() -> None:
    for folder in {path.parent for path in MODULES}:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 15, f"{folder}: {len(modules)} modules"
    for path in MODULES:
        assert path.read_text(encoding="utf-8").count("\n") <= 350, path
