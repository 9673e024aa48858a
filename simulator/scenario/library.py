"""The stories that come with the simulator.

They lie in `scenarios/` of the source tree, and in a folder of this package once installed. Files
whose names start with `_` are fragments for `include`, not stories.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from simulator.scenario.errors import StoryNotFound
from simulator.scenario.wording import quoted
from simulator.suggestions import closest

_INSTALLED = Path(__file__).with_name("library_files")
_SOURCE_TREE = Path(__file__).parents[2] / "scenarios"


class Story(NamedTuple):
    """A story of the library: the name it is played by, what it tells, and its file."""

    name: str
    description: str
    path: Path


def folder() -> Path:
    """Where the library lies."""
    return _INSTALLED if _INSTALLED.is_dir() else _SOURCE_TREE


def files() -> list[Path]:
    """All files of the library, fragments too, by name."""
    return sorted(folder().glob("*.yaml"))


def file(name: str) -> Path | None:
    """The file of a story or fragment, named with its ending or without; None if there is none.

    `name` must be a bare name, without folders.
    """
    path = folder() / (name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    return path if os.path.isfile(path) else None  # which is False for names no file can have


def stories() -> list[Story]:
    """All stories, by name."""
    return [_story(path) for path in files() if not path.name.startswith("_")]


def find(name: str) -> Story:
    """The story of this name; raises StoryNotFound, with the nearest names."""
    names = {path.stem: path for path in files() if not path.name.startswith("_")}
    if name in names:
        return _story(names[name])
    meant = closest(name, names)
    hint = f"did you mean '{meant}'?" if meant else "`simulator scenarios` lists them"
    raise StoryNotFound(f"no story is called {quoted(name)} ({hint})")


def _story(path: Path) -> Story:
    # YAML takes a while to import, and most programs never list the library.
    from simulator.scenario.yaml_nodes import MapNode, ScalarNode
    from simulator.scenario.yaml_source import read_yaml

    root, _ = read_yaml(path.read_bytes(), path.name)
    text = root.get("description") if isinstance(root, MapNode) else None
    description = text.value if isinstance(text, ScalarNode) else None
    return Story(path.stem, str(description or ""), path)
