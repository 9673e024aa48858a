"""Ways to a script: a text, a file, or the name of a story of the library."""

from __future__ import annotations

import os
from pathlib import Path

from simulator.catalog import Catalog
from simulator.scenario import library
from simulator.scenario.errors import IncludeError, Problem, ScriptError, StoryNotFound
from simulator.scenario.includes import (
    FileIncludes,
    IncludeResolver,
    LibraryIncludes,
    neighbours,
    read_script_file,
)
from simulator.scenario.parser.document import read_script
from simulator.scenario.script import Position, Script
from simulator.suggestions import closest


def parse_script(
    text: str | bytes,
    *,
    file: str = "<inline>",
    resolver: IncludeResolver | None = None,
    catalog: Catalog | None = None,
) -> Script:
    """The script in a YAML text.

    `file` is what messages call it. `resolver` finds what it includes: by default nothing but
    files of the library, which is right for scripts from strangers. With a `catalog`, names of
    events, topics and fields are checked. Raises ScriptError with all problems, each with its
    place.
    """
    return read_script(text, file, resolver or LibraryIncludes(), catalog)


def load_script(name_or_path: str | os.PathLike[str], *, catalog: Catalog | None = None) -> Script:
    """A story of the library by name, or the script in a file.

    A text with a folder or with `.yaml` in it is a path. Raises StoryNotFound, and ScriptError
    like `parse_script`.
    """
    path = _path_of(name_or_path)
    try:
        text = read_script_file(path)
    except IncludeError as error:
        raise StoryNotFound(f"{error}{_meant(path)}") from None
    return read_script(text, _shown(path), FileIncludes(), catalog)


def validate_file(path: str | os.PathLike[str], catalog: Catalog | None) -> list[Problem]:
    """What is wrong with a script file, in the order of the text; empty if nothing is.

    Warnings come only where nothing else is wrong: such a script can be played. Raises nothing for
    bad files: one that cannot be read is a problem too. A file whose name starts with `_` is a
    fragment, which needs no steps.
    """
    path = Path(path)
    shown = _shown(path)
    try:
        text = read_script_file(path)
        fragment = path.name.startswith("_")
        script = read_script(text, shown, FileIncludes(), catalog, fragment=fragment)
    except IncludeError as error:
        return [Problem(Position(shown, 1, 1), f"{error}{_meant(path)}")]
    except ScriptError as error:
        return list(error.problems)
    return list(script.warnings)


def _path_of(name_or_path: str | os.PathLike[str]) -> Path:
    name = os.fspath(name_or_path)
    is_name = isinstance(name_or_path, str) and not any(sep in name for sep in ("/", "\\", "."))
    if is_name and not os.path.isfile(name):
        return library.find(name).path
    if is_name:
        return library.file(name) or Path(name)
    path = Path(name)
    if isinstance(name_or_path, str) and path.name == name and not os.path.isfile(path):
        return library.file(name) or path
    return path


def _shown(path: Path) -> str:
    """The path as messages show it: from here, where it lies below."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return str(path) if relative.startswith(os.pardir) else relative


def _meant(path: Path) -> str:
    meant = closest(path.name, neighbours(path.parent))
    return f" (did you mean '{path.parent / meant}'?)" if meant else ""
