"""Rooms import to the left only: catalog, log, scenario, and then whatever users meet."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "simulator"

FOUNDATION = {
    "delivery_settings",
    "errors",
    "instants",
    "loopback",
    "security",
    "suggestions",
    "topic_names",
}
"""Modules of the root that import no room, so that every room may import them."""

DOOR = {*FOUNDATION, "catalog", "log", "publishing"}
"""What a room may know that hands events to the log."""

ALLOWED = {
    "delivery_settings": {"errors", "suggestions", "topic_names"},
    "errors": set(),
    "instants": {"errors"},
    "loopback": set(),
    "security": {"errors"},
    "suggestions": set(),
    "topic_names": set(),
    "catalog": FOUNDATION,
    "log": FOUNDATION,
    "publishing": {*FOUNDATION, "catalog", "log"},
    "v1": set(),
    "scenario": DOOR,
    "snapshots": {"errors", "log", "scenario"},
    "listeners": {*DOOR, "scenario", "snapshots", "v1"},
    "handlers": {*DOOR, "scenario"},
    "clusters": DOOR,
    "recording": {*DOOR, "scenario", "clusters", "v1"},
    "testing": {*DOOR, "scenario"},
}
"""Every room, from the left to the right, with what it may import besides itself. The other modules
of the root belong to the composition root: they know all, and so does the command line."""

KNOW_ALL = {"cli"}

LATE = {("testing.plugin", "facade"), ("testing.plugin", "handlers_control")}
"""The plugin makes simulators; it imports them when a test asks for one."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the package by its dotted name below `simulator`, and its tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts), ast.parse(path.read_text(encoding="utf-8"))


def imported(module: str, tree: ast.Module) -> Iterator[str]:
    """The rooms, or modules of the root, that a module imports anywhere in its text."""
    package = ["simulator", *module.split(".")[:-1]]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, ".".join(package))
            names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            first, _, rest = name.partition(".")
            if first == "simulator":
                yield rest.split(".")[0]


@pytest.fixture(scope="module")
def edges() -> dict[tuple[str, str], set[str]]:
    """From room to room, the modules in which it is so."""
    found: dict[tuple[str, str], set[str]] = {}
    for module, tree in modules():
        for target in imported(module, tree):
            found.setdefault((module.split(".")[0], target), set()).add(module)
    return found


def test_no_room_imports_one_on_its_right(edges: dict[tuple[str, str], set[str]]) -> None:
    wrong = {
        f"simulator.{module} imports simulator.{target}"
        for (room, target), where in edges.items()
        for module in where
        if room in ALLOWED
        and target != room
        and target not in ALLOWED[room]
        and (module, target) not in LATE
    }
    assert not wrong


def test_every_room_has_its_place(edges: dict[tuple[str, str], set[str]]) -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == {room for room in ALLOWED if (PACKAGE / room).is_dir()} | KNOW_ALL
    assert {("scenario", "catalog"), ("listeners", "log"), ("testing", "scenario")} <= edges.keys()
    for module, target in LATE:
        assert module in edges[module.split(".")[0], target]


def test_the_log_knows_no_clock_no_loop_and_no_socket() -> None:
    foreign = {"asyncio", "grpc", "random", "socket", "threading", "time", "yaml"}
    for module, tree in modules():
        if module.startswith("log."):
            for node in ast.walk(tree):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert not foreign.intersection(name.split(".")[0] for name in names), module
