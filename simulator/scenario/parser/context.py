"""What reading a script carries along: declarations, names in scope, and what was found wrong."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import NamedTuple, TypeVar, cast

from simulator.scenario.errors import Problem, TemplateError
from simulator.scenario.parser.vocabulary import Vocabulary
from simulator.scenario.script import Party, Position, User, Value
from simulator.scenario.templates import Name, Template, compile_template, join_parts
from simulator.scenario.wording import quoted, shorten
from simulator.scenario.yaml_nodes import Node, Plain, ScalarNode, describe
from simulator.scenario.yaml_source import MAX_DEPTH
from simulator.suggestions import closest

T = TypeVar("T")

MAX_EXPANDED = 100_000
"""The most values, and characters of texts, that `use` may write into a script."""

MAX_PROBLEMS = 200
"""Where reading stops: after so many mistakes the rest says little."""

_MAX_KNOWN = 1_000
_MAX_LISTED = 12
_MAX_WORD = 100


class Rejected(Exception):
    """A value cannot be read; what is wrong with it has been reported."""


class Abandoned(Exception):
    """The script as a whole is beyond a bound; reading it stops here."""


class Binding(NamedTuple):
    """What `use` gives a block under a name: a value where it was written, unread."""

    node: Node
    context: Context


@dataclass(slots=True)
class State:
    """What all contexts of one script share."""

    vocabulary: Vocabulary
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    users: dict[str, User] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)
    corpora: dict[str, tuple[str, ...]] = field(default_factory=dict)
    variables: dict[str, Value] = field(default_factory=dict)
    blocks: dict[str, Node] = field(default_factory=dict)
    used_blocks: set[str] = field(default_factory=set)
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    incomplete: bool = False
    """An included file could not be read, so what is unknown may be known there."""
    depth: int = 0
    expanded: int = 0
    _seen: set[Problem] = field(default_factory=set)

    def report(self, position: Position, message: str) -> Rejected:
        """Keep a problem, once, and return the exception that says so.

        Raises Abandoned when there are too many.
        """
        problem = Problem(position, message)
        if problem not in self._seen:
            self._seen.add(problem)
            self.problems.append(problem)
            if len(self.problems) >= MAX_PROBLEMS:
                raise Abandoned
        return Rejected()

    def warn(self, position: Position, message: str) -> None:
        """Keep what looks like a mistake, once; beyond a number it is not worth more."""
        warning = Problem(position, message, is_warning=True)
        if warning not in self._seen and len(self.warnings) < MAX_PROBLEMS:
            self._seen.add(warning)
            self.warnings.append(warning)

    def unknown(self, position: Position, message: str) -> Rejected:
        """Report a name that nothing declares, and return the exception that says so.

        Where an include has failed that mistake is enough: silent then.
        """
        return Rejected() if self.incomplete else self.report(position, message)

    def abandon(self, position: Position, message: str) -> Abandoned:
        """Keep a problem and return the exception that ends the reading."""
        self.report(position, message)
        return Abandoned()


@dataclass(frozen=True, slots=True)
class Context:
    """Where in the script the reader is.

    `names` are the names that templates may use here, with all values that they can have where
    that is known. `bindings` are the values given to the block being expanded, `blocks` the chain
    of blocks, outermost first, and `used_at` where the innermost one is used. In a `loose` context
    (a block that nothing uses) any name may be one that a `use` would give.
    """

    state: State
    names: Mapping[str, tuple[object, ...] | None] = field(default_factory=dict)
    bindings: Mapping[str, Binding | None] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
    used_at: Position | None = None
    loose: bool = False

    def reject(self, node: Node, message: str) -> Rejected:
        """Report what is wrong with a node; to be raised."""
        return self.state.report(node.at, message)

    def expected(self, what: str, node: Node) -> Rejected:
        """Report that a node is not what it should be; to be raised."""
        hint = ""
        if isinstance(node, ScalarNode) and "${" in node.text:
            hint = "; only a value that `use` gives to a block can be filled in here"
        return self.reject(node, f"expected {what}, found {describe(node)}{hint}")

    def with_names(self, names: Mapping[str, tuple[object, ...] | None]) -> Context:
        """A context with more names in scope; they hide bound ones."""
        bindings = self.bindings
        if any(bindings.get(name) for name in names):
            bindings = _layered(dict.fromkeys(names), bindings)
        return replace(self, names=_layered(names, self.names), bindings=bindings)

    def resolve(self, node: Node) -> tuple[Node, Context]:
        """The node that a bound `${name}` stands for, with its own context; else the node itself.

        Raises Rejected, silently, for an unknown name in a loose context: what it would stand for
        cannot be known.
        """
        context = self
        while isinstance(node, ScalarNode) and isinstance(node.value, str):
            if not node.value.startswith("${") or not node.value.endswith("}"):
                break
            name = node.value[2:-1]
            binding = context.bindings.get(name)
            if binding is None:
                if context.loose and name not in context.names and "." not in name:
                    raise Rejected
                break
            node, context = binding
            context.spend(node, node.size)
        return node, context

    def text(self, node: ScalarNode) -> Plain | Template:
        """The value of a node, a Template where its text has names to fill in.

        Names bound by `use` are filled in here. Raises Rejected for unknown names.
        """
        if not isinstance(node.value, str) or "${" not in node.value:
            return node.value
        try:
            compiled = compile_template(node.value)
        except TemplateError as error:
            raise self.state.report(node.at_offset(error.offset), str(error)) from None
        if isinstance(compiled, str):
            return compiled
        parts: list[str | Name] = []
        failed = False
        for part in compiled.parts:
            try:
                parts.extend((part,) if isinstance(part, str) else self._filled_in(part, node))
            except Rejected:
                failed = True
        if failed:
            raise Rejected
        return join_parts(tuple(parts))

    def spend(self, node: Node, amount: int) -> None:
        """Count what an expansion adds to the script; raises Abandoned over the bound."""
        self.state.expanded += amount
        if self.state.expanded > MAX_EXPANDED:
            raise self.state.abandon(
                node.at, f"blocks blow this script up to over {MAX_EXPANDED} values"
            )

    def enter(self, node: Node) -> None:
        """Go one level of nesting down, blocks counted in; raises Abandoned when too deep."""
        if self.state.depth >= MAX_DEPTH:
            raise self.state.abandon(
                node.at, f"lists and mappings, blocks filled in, nest over {MAX_DEPTH} deep"
            )
        self.state.depth += 1

    def leave(self) -> None:
        """Come back up one level."""
        self.state.depth -= 1

    def _filled_in(self, part: Name, node: ScalarNode) -> Iterable[str | Name]:
        """What stands in a text for one of its names: the name itself, or what it is bound to."""
        owner, dot, _ = part.name.partition(".")
        binding = self.bindings.get(owner)
        if binding is None:
            self._check_name(part, node)
            return (part,)
        bound, context = binding.context.resolve(binding.node)
        if not isinstance(bound, ScalarNode):
            what = f"${{{shorten(owner)}}} is {describe(bound)} here"
            raise self.state.report(
                node.at_offset(part.offset), f"{what}, which cannot stand inside a text"
            )
        value = context.text(bound)
        self.spend(node, len(bound.text))
        if dot:
            return self._id_of(value, part, node)
        if isinstance(value, Template):
            return value.parts
        # Numbers keep the spelling they have in the script.
        return (value if isinstance(value, str) else bound.text,)

    def _id_of(self, owner: Plain | Template, part: Name, node: ScalarNode) -> Iterable[Name]:
        """`${who.id}` where `who` is bound: the id of what it names."""
        if isinstance(owner, Template):
            whole = owner.whole
            if whole is not None and "." not in whole.name:
                return (Name(f"{whole.name}.id", part.offset),)
        elif isinstance(owner, str) and (owner in self.state.users or owner in self.state.parties):
            return (Name(f"{owner}.id", part.offset),)
        raise self.state.unknown(
            node.at_offset(part.offset),
            f"${{{shorten(part.name)}}}: {quoted(str(owner))} is neither a user nor a party",
        )

    def _check_name(self, part: Name, node: ScalarNode) -> None:
        name = part.name
        state = self.state
        owner, dot, _ = name.partition(".")
        is_actor = owner in state.users or owner in state.parties
        if owner in self.names or (dot and is_actor) or self.loose:
            return
        ids = (f"{actor}.id" for actor in chain(state.users, state.parties))
        known = suggestion(name, chain(self.names, self.bindings, ids), listed=self.used_at is None)
        message = f"unknown name {quoted(name)}{known}"
        if is_actor:
            message = f"unknown name '{name}' (for its id write '{name}.id')"
        elif self.used_at is not None:
            place = f"line {self.used_at.line} of {self.used_at.file}"
            message += f"; block '{self.blocks[-1]}' is used without it in {place}"
        raise state.unknown(node.at_offset(part.offset), message)


def _layered(inner: Mapping[str, T], outer: Mapping[str, T]) -> Mapping[str, T]:
    """Both mappings, the inner one first, without a copy: scopes can be large, and many."""
    return ChainMap(cast("dict[str, T]", inner), cast("dict[str, T]", outer))


def suggestion(word: str, known: Iterable[str], *, listed: bool = True) -> str:
    """The end of an error text about an unknown word: what was meant, or else what there is."""
    words = sorted(set(islice(known, _MAX_KNOWN)))
    meant = closest(word, words) if len(word) <= _MAX_WORD else None
    if meant is not None:
        return f" (did you mean '{meant}'?)"
    if listed and 0 < len(words) <= _MAX_LISTED:
        return f" (there is {', '.join(words)})"
    return ""
