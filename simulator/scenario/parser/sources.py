"""The files that a script is made of: its own and all that it includes."""

from __future__ import annotations

from typing import NamedTuple

from simulator.scenario.errors import IncludeError
from simulator.scenario.includes import IncludeResolver, Source
from simulator.scenario.parser.context import Context, Rejected
from simulator.scenario.parser.kinds import Literal
from simulator.scenario.parser.records import ListOf
from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, ScalarNode, describe
from simulator.scenario.yaml_source import read_yaml

MAX_FILES = 64
MAX_DEPTH = 16
MAX_BYTES = 4 * 1024 * 1024
"""All files of a script together."""

INCLUDES = ListOf(Literal(verbatim=True), "a list of files", unique=True)


class Part(NamedTuple):
    """One file of a script, read."""

    file: str
    root: MapNode


class Sources:
    """Reads a script's files, each once, and finds what they include."""

    def __init__(self, resolver: IncludeResolver, context: Context) -> None:
        self._resolver = resolver
        self._context = context
        self._parts: list[Part] = []
        self._chain: list[Source] = []
        self._known: set[str] = set()
        self._bytes = 0
        self.files: list[str] = []
        """The files, in the order in which they were met."""

    def collect(self, text: str | bytes, file: str) -> list[Part]:
        """All parts: what is included comes before what includes it, the script itself last."""
        identity = self._resolver.identify(file)
        self._read(Source(file, identity, text))
        return self._parts

    def _read(self, source: Source) -> None:
        self.files.append(source.file)
        self._known.add(source.identity)
        root, problems = read_yaml(source.text, source.file)
        for problem in problems:
            self._context.state.report(problem.position, problem.message)
        if root is None:
            self._context.state.incomplete = True
            return
        if not isinstance(root, MapNode):
            self._context.state.incomplete = True
            message = f"expected a mapping with steps, found {describe(root)}"
            self._context.reject(root, message)
            return
        self._chain.append(source)
        included = root.get("include")
        if included is not None:
            for node in self._names(included):
                self._include(node, source)
        self._chain.pop()
        self._parts.append(Part(source.file, root))

    def _names(self, node: Node) -> tuple[ScalarNode, ...]:
        try:
            INCLUDES.read(node, self._context)
        except Rejected:
            return ()
        assert isinstance(node, ListNode)
        return tuple(item for item in node.items if isinstance(item, ScalarNode))

    def _include(self, node: ScalarNode, including: Source) -> None:
        try:
            found = self._resolver.find(node.text, including.file)
        except IncludeError as error:
            self._context.state.incomplete = True
            self._context.reject(node, str(error))
            return
        identities = [source.identity for source in self._chain]
        if found.identity in identities:
            start = identities.index(found.identity)
            chain = [*(source.file for source in self._chain[start:]), found.file]
            self._context.reject(node, f"a script cannot include itself: {' -> '.join(chain)}")
            return
        if found.identity in self._known:
            return
        self._bytes += len(found.text)
        if len(self._known) >= MAX_FILES:
            raise self._context.state.abandon(node.at, f"more than {MAX_FILES} files in one script")
        if len(self._chain) >= MAX_DEPTH:
            raise self._context.state.abandon(
                node.at, f"files include one another more than {MAX_DEPTH} deep"
            )
        if self._bytes > MAX_BYTES:
            raise self._context.state.abandon(
                node.at, f"the included files are longer than {MAX_BYTES // 1024} KiB together"
            )
        self._read(found)
