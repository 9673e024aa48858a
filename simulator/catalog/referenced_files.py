"""The files that `$ref`s of a document lead to: `./common.yaml#/components/schemas/Item`.

They are found by looking for `$ref` in the text, before anything is parsed, so that the cache can
go by their content as well. What is not found in this way cannot be opened.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

MAX_FILES: Final = 1000
MAX_FILE_BYTES: Final = 16 * 1024 * 1024

_REFERENCE: Final = re.compile(rb"""\$ref["']?\s*:\s*["']?([^"'#\s,}]+)""")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


class CannotOpen(Exception):
    """A file that is not there, or may not be read; the text says why."""


class ReferencedFiles:
    """The files that one document refers to, by their path from its folder."""

    def __init__(self, folder: Path, root: Path, text: bytes) -> None:
        """`text` is the document, which lies in `folder`; files outside `root` are left alone."""
        self._folder = folder
        self._root = root.absolute()
        self._parsed: dict[str, Any] = {}
        self.texts: Mapping[str, bytes | None] = self._found(text)
        """Their texts; None for those that cannot be read."""

    def open(self, name: str) -> Any:
        """A file as dicts, lists and scalars; raises CannotOpen."""
        if name not in self._parsed:
            self._parsed[name] = self._parse(name)
        return self._parsed[name]

    def _parse(self, name: str) -> Any:
        import yaml

        from simulator.catalog.yaml_text import load

        if _URL.match(name):
            raise CannotOpen("only files are followed")
        if not self._is_inside(name):
            raise CannotOpen(f"it lies outside of {self._root}; give a directory that has both")
        text = self.texts.get(name)
        if text is None:
            raise CannotOpen(f"there is no such file of up to {MAX_FILE_BYTES} bytes")
        try:
            return load(text.decode())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            raise CannotOpen(f"{where}{error.problem or error}") from None
        except (yaml.YAMLError, ValueError) as error:
            raise CannotOpen(" ".join(str(error).split())) from None

    def _found(self, text: bytes) -> dict[str, bytes | None]:
        found: dict[str, bytes | None] = {}
        queue = list(_named(text, ""))
        while queue and len(found) < MAX_FILES:
            name = queue.pop()
            if name not in found:
                content = found[name] = self._text(name)
                queue += _named(content or b"", name)
        return dict(sorted(found.items()))

    def _text(self, name: str) -> bytes | None:
        path = self._folder / name
        try:
            if _URL.match(name) or not self._is_inside(name) or not path.is_file():
                return None
            return path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else None
        except (OSError, ValueError):
            return None

    def _is_inside(self, name: str) -> bool:
        try:
            return (self._folder / name).resolve().is_relative_to(self._root.resolve())
        except (OSError, ValueError, RuntimeError):
            return False


def joined(base: str, name: str) -> str:
    """The path of a file that another one, `base`, refers to; both from the document's folder."""
    if _URL.match(name):
        return name
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(name)))


def _named(text: bytes, base: str) -> Iterator[str]:
    for match in _REFERENCE.finditer(text):
        yield joined(base, match[1].decode(errors="replace"))
