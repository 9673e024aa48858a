"""Where the files that a script includes come from.

A script that lies in the file system may include other files, by paths relative to its own. A
script from a stranger, over gRPC say, has no business in the file system: it gets the library's
files by name, and nothing else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from simulator.scenario import library
from simulator.scenario.errors import IncludeError
from simulator.scenario.wording import quoted, shorten
from simulator.scenario.yaml_nodes import MapNode, ScalarNode
from simulator.scenario.yaml_source import MAX_BYTES, read_yaml
from simulator.suggestions import closest

_LIBRARY_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}(\.ya?ml)?", re.ASCII)
_MAX_NEIGHBOURS = 1_000


class Source(NamedTuple):
    """The text of a file: what messages call it, and what is the same for the same file."""

    file: str
    identity: str
    text: str | bytes


class IncludeResolver(Protocol):
    """Finds included files."""

    def identify(self, file: str) -> str:
        """The identity of a script that was read from `file`."""

    def find(self, name: str, including: str) -> Source:
        """The file that `including` calls `name`; raises IncludeError."""


class LibraryIncludes:
    """Files of the library only, by name."""

    def identify(self, file: str) -> str:
        """A script from elsewhere is none of the library's files."""
        return f"<{file}>"

    def find(self, name: str, including: str) -> Source:
        """The library's file of this name, with its ending or without."""
        if not _LIBRARY_NAME.fullmatch(name):
            raise IncludeError(
                f"{quoted(name, 200)} is not the name of a library file; paths are not allowed"
            )
        path = library.file(name)
        if path is None:
            meant = _nearest(name, [path.name for path in library.files()])
            hint = f" (did you mean '{meant}'?)" if meant else ""
            raise IncludeError(
                f"the library has no file '{name}'{hint}, and nothing else can be included here"
            )
        return Source(path.name, path.stem, read_script_file(path))


class FileIncludes:
    """Files by path, relative to the including one; bare names may also be the library's."""

    def identify(self, file: str) -> str:
        """The real path, whatever links lead there."""
        return os.path.normcase(os.path.realpath(file))

    def find(self, name: str, including: str) -> Source:
        """The file beside `including`, else the library's."""
        path = Path(including).parent / name
        candidates = (path, path.with_name(f"{path.name}.yaml") if path.name else path)
        found = next((each for each in candidates if os.path.isfile(each)), None)
        if found is None and _LIBRARY_NAME.fullmatch(name):
            found = library.file(name)
        if found is None:
            raise IncludeError(self._missing(name, path))
        path = Path(os.path.normpath(found))
        text = read_script_file(path)
        if not _may_be_script(path, text):
            raise IncludeError(f"{shorten(str(path), 200)} is no script")
        return Source(str(path), self.identify(str(path)), text)

    def _missing(self, name: str, path: Path) -> str:
        if os.path.isdir(path):
            return f"{quoted(name, 200)} is a folder, not a file"
        beside = _nearest(path.name, neighbours(path.parent))
        meant = os.path.join(os.path.dirname(name), beside) if beside else None
        meant = meant or _nearest(name, [each.name for each in library.files()])
        return f"there is no file {quoted(name, 200)}" + (
            f" (did you mean '{meant}'?)" if meant else f"; it would be {shorten(str(path), 200)}"
        )


def read_script_file(path: Path) -> bytes:
    """The bytes of a script file; raises IncludeError for what cannot be read or is too long."""
    try:
        if not os.path.isfile(path):  # which is False for names that no file can have
            raise IncludeError(f"there is no file {path}")
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise IncludeError(f"cannot read {path}: {error.strerror or error}") from None
    if len(text) > MAX_BYTES:
        raise IncludeError(f"{path} is longer than {MAX_BYTES // 1024} KiB")
    return text


def _may_be_script(path: Path, text: bytes) -> bool:
    """Whether messages may quote what is in an included file.

    A file with the ending of a script may have any mistake but being a single value; of any other
    file nothing is told unless it has a key of a script.
    """
    from simulator.scenario.parser.document import FIELDS  # which imports this module

    root, _ = read_yaml(text, str(path))
    if path.suffix in (".yaml", ".yml"):
        return not isinstance(root, ScalarNode)
    return isinstance(root, MapNode) and any(root.get(key) is not None for key in FIELDS)


def neighbours(folder: Path) -> list[str]:
    """Names of script files in a folder, none where it cannot be read: for suggestions."""
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MAX_NEIGHBOURS), strict=False):
                if entry.name.endswith((".yaml", ".yml")):
                    names.append(entry.name)
    except OSError:
        return []
    return names


def _nearest(name: str, files: Iterable[str]) -> str | None:
    """The file whose name, its ending aside, is most likely meant."""
    stems = {Path(file).stem: file for file in files}
    return stems.get(closest(Path(name).stem, stems) or "")
