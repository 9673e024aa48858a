"""Catalogues from files: documents and directories of them, with the `.proto` beside each.

What is broken or in conflict is told, one problem for each, and the rest is loaded. The result is
kept in a cache by the content of all files, since reading hundreds of events takes a second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from simulator.catalog.catalog import Catalog, CatalogSource
from simulator.catalog.descriptors import Descriptors
from simulator.catalog.document import ChannelSource, Document, MessageSource, read_document
from simulator.catalog.errors import InvalidDocument
from simulator.catalog.lone_services import LoneServices
from simulator.catalog.protos import compile_protos, has_compiler
from simulator.catalog.referenced_files import ReferencedFiles
from simulator.catalog.validation import check_schema

SUFFIXES: Final = (".yaml", ".yml", ".json")

MAX_FILES: Final = 10_000
"""Files below one directory; more are no catalogue."""

MAX_FILE_BYTES: Final = 16 * 1024 * 1024

_DOCUMENT: Final = re.compile(rb"""^[\s{]*["']?asyncapi["']?\s*:""", re.MULTILINE)

_IMPORT: Final = re.compile(
    rb"""^\s*import\s+(?:public\s+|weak\s+)?["']([^"']+)["']\s*;""", re.MULTILINE
)

_ON_MESSAGE: Final = re.compile(rb"\brpc\s+OnMessage\b")

_CACHE_FORMAT: Final = "4"


class _File(NamedTuple):
    """A document's file, the directory that imports are looked for below, its `.proto`, and the
    files that it refers to."""

    path: Path
    root: Path
    text: bytes
    proto: Path | None
    others: ReferencedFiles


class _Lone(NamedTuple):
    """A `.proto` with services for events that no document stands beside; and its import root."""

    path: Path
    root: Path


class _Loaded(NamedTuple):
    """What was read, what could not be, and what is irregular."""

    sources: list[CatalogSource]
    problems: list[str]
    notes: list[str]


def load_catalog(paths: Sequence[str | Path], *, cache: Path | None = None) -> Catalog:
    """The events of every document among `paths`, files or directories, and the Chat Events.

    The built-in Chat Events come last: a document that has the same events counts before them.
    `Catalog.problems` says what could not be loaded. `cache` is a directory for what was read, by
    default one among the user's caches. Raises InvalidDocument for a path that does not exist and
    where no document could be read at all.
    """
    problems: list[str] = []
    files = [file for path in paths for file in _found(Path(path), problems)]
    if not files:
        names = ", ".join(str(path) for path in paths)
        reason = "; ".join(problems) or "there is no AsyncAPI document"
        raise InvalidDocument(names, "#", reason)
    lone = list(_lone_protos(paths, files))
    protos = _protos(files, lone)
    entry = (cache or _default_cache()) / f"{_fingerprint(files, protos)}.json"
    loaded = _cached(entry)
    if loaded is None:
        loaded = _read(files, lone, protos)
        _keep(entry, loaded)
    sources = loaded.sources
    problems += loaded.problems
    if not sources:
        names = ", ".join(map(str, paths))
        reasons = (each.removeprefix(f"{names}: ").removeprefix("#: ") for each in problems)
        raise InvalidDocument(names, "#", "; ".join(reasons))
    problems += _conflicts(sources)
    return Catalog([*sources, *Catalog.builtin().sources], problems, notes=loaded.notes)


# Finding


def _found(path: Path, problems: list[str]) -> Iterator[_File]:
    """The documents at a path; a file that is named must be one."""
    if path.is_file():
        text = _text(path, problems)
        if text is not None:
            proto = _proto_of(path)
            others = ReferencedFiles(path.parent, path.parent, text)
            yield _File(path, _import_root(proto, path.parent), text, proto, others)
        return
    if not path.is_dir():
        raise InvalidDocument(str(path), "#", "there is no such file or directory")
    candidates = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES)
    if len(candidates) > MAX_FILES:
        raise InvalidDocument(str(path), "#", f"more than {MAX_FILES} files are no catalogue")
    for each in candidates:
        text = _text(each, problems) if each.is_file() else None
        if text is not None and _DOCUMENT.search(text):  # other YAML may lie in the tree
            proto = _proto_of(each)
            others = ReferencedFiles(each.parent, path, text)
            yield _File(each, _import_root(proto, path), text, proto, others)


def _text(path: Path, problems: list[str]) -> bytes | None:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            problems.append(f"{path}: larger than {MAX_FILE_BYTES} bytes")
            return None
        return path.read_bytes()
    except OSError as error:
        problems.append(f"{path}: {error.strerror or error}")
        return None


def _proto_of(path: Path) -> Path | None:
    proto = path.with_suffix(".proto")
    return proto if proto.is_file() else None


def _import_root(proto: Path | None, root: Path) -> Path:
    """Where all imports of a `.proto` lie: `root`, else a directory from its own one upwards."""
    wanted = [] if proto is None else list(_imports(proto))
    if proto is None or not wanted:
        return root
    folders = proto.absolute().parents
    return next(
        (each for each in (root, *folders) if all((each / name).is_file() for name in wanted)),
        root,
    )


def _imports(proto: Path) -> Iterator[str]:
    """What a `.proto` imports, but for what the compiler brings along."""
    with suppress(OSError):
        for match in _IMPORT.finditer(proto.read_bytes()):
            name = match[1].decode(errors="replace")
            if not name.startswith("google/protobuf/"):
                yield name


def _lone_protos(paths: Sequence[str | Path], files: Sequence[_File]) -> Iterator[_Lone]:
    """The hand-written `.proto` files in directories: services for events, without a document."""
    known = {file.proto.absolute() for file in files if file.proto is not None}
    for path in map(Path, paths):
        for proto in sorted(path.rglob("*.proto"))[:MAX_FILES] if path.is_dir() else ():
            if proto.absolute() not in known and proto.is_file():
                known.add(proto.absolute())
                with suppress(OSError):
                    if _ON_MESSAGE.search(proto.read_bytes()):
                        yield _Lone(proto, _import_root(proto, path))


def _protos(files: Sequence[_File], lone: Sequence[_Lone]) -> dict[Path, list[Path]]:
    """By root, the `.proto` files of its documents, the lone ones, and all that these import."""
    roots: dict[Path, dict[Path, None]] = {file.root: {} for file in files}
    for file in files:
        if file.proto is not None:
            roots[file.root][file.proto.absolute()] = None
    for each in lone:
        roots.setdefault(each.root, {})[each.path.absolute()] = None
    for root, found in roots.items():
        queue = list(found)
        while queue:
            for name in _imports(queue.pop()):
                imported = root.absolute() / name
                if imported not in found and imported.is_file() and len(found) < MAX_FILES:
                    found[imported] = None
                    queue.append(imported)
    return {root: sorted(found) for root, found in roots.items()}


# Reading


def _read(
    files: Sequence[_File], lone: Sequence[_Lone], protos: Mapping[Path, Sequence[Path]]
) -> _Loaded:
    problems: list[str] = []
    documents: list[tuple[_File, Document]] = []
    for file in files:
        try:
            text, source = file.text.decode(), str(file.path)
            document = read_document(text, source, problems, check=check_schema, files=file.others)
            documents.append((file, document))
        except InvalidDocument as error:
            problems.append(str(error))
        except UnicodeDecodeError as error:
            problems.append(f"{file.path}: not UTF-8: {error.reason} at byte {error.start}")
    sets: dict[Path, bytes] = {}
    for root, found in protos.items():
        compiled = compile_protos(root.absolute(), found)
        sets.update(compiled.sets)
        problems += compiled.problems
    others = LoneServices(
        {
            str(each.path): sets[each.path.absolute()]
            for each in lone
            if each.path.absolute() in sets
        }
    )
    sources = []
    for file, document in documents:
        data = sets.get(file.proto.absolute()) if file.proto else None
        own = None if data is None else Descriptors(data)
        sources.append(CatalogSource(document, others.added_to(own, document)))
    return _Loaded(sources, problems, others.left())


def _conflicts(sources: Sequence[CatalogSource]) -> list[str]:
    """Events of one channel that two documents have, and differently."""
    known: dict[tuple[str, str], tuple[MessageSource, str]] = {}
    found = []
    for document, _ in sources:
        for channel in document.channels.values():
            for message in channel.messages.values():
                key = (channel.name, message.name)
                first, where = known.setdefault(key, (message, document.source))
                if first != message:
                    found.append(
                        f"{document.source}: {channel.name}/{message.name} is another event in "
                        f"{where}, which counts"
                    )
    return found


# The cache


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "chat-event-simulator" / "catalogues"


def _fingerprint(files: Sequence[_File], protos: Mapping[Path, Sequence[Path]]) -> str:
    """A name for the content of all files, where they lie, and whether they can be compiled."""
    digest = sha256(f"{_CACHE_FORMAT} {has_compiler()}".encode())

    def add(path: Path, text: bytes) -> None:
        for part in (os.fsencode(path), text):
            digest.update(len(part).to_bytes(8, "big") + part)

    for file in files:
        add(file.path, file.text)
        for name, text in file.others.texts.items():
            add(file.path.parent / name, b"-" if text is None else b"+" + text)
    for root, found in protos.items():
        add(root, b"")
        for proto in found:
            with suppress(OSError):
                add(proto, proto.read_bytes())
    return digest.hexdigest()


def _cached(entry: Path) -> _Loaded | None:
    """What was kept; None where there is nothing, or nothing that can be read."""
    try:
        kept = orjson.loads(entry.read_bytes())
        sources = [_source(each) for each in kept["sources"]]
        return _Loaded(sources, list(kept["problems"]), list(kept["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _source(kept: Mapping[str, Any]) -> CatalogSource:
    document = kept["document"]
    channels = {
        name: ChannelSource(
            name,
            channel["description"],
            {
                key: MessageSource(**{**message, "examples": tuple(message["examples"])})
                for key, message in channel["messages"].items()
            },
        )
        for name, channel in document["channels"].items()
    }
    proto = kept["proto"]
    return CatalogSource(
        Document(document["source"], document["title"], document["proto_package"], channels),
        None if proto is None else Descriptors(bytes.fromhex(proto)),
    )


def _keep(entry: Path, loaded: _Loaded) -> None:
    """Write it down for the next time; a cache that cannot be written is none."""
    kept = [
        {
            "document": asdict(document),
            "proto": None
            if descriptors is None
            else descriptors.descriptor_set.SerializeToString(deterministic=True).hex(),
        }
        for document, descriptors in loaded.sources
    ]
    partial = entry.with_suffix(f".{os.getpid()}")
    try:
        told = {"problems": loaded.problems, "notes": loaded.notes}
        data = orjson.dumps({"sources": kept, **told})
        entry.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(entry)
    except (OSError, TypeError):
        partial.unlink(missing_ok=True)
