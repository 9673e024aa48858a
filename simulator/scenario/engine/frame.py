"""Where a step stands: names it can use, its stream of chance, and how late its events are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from simulator.scenario.engine.chat_actions import Moment
from simulator.scenario.engine.task import Going
from simulator.scenario.envelope import EventStyle
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Text, Value
from simulator.scenario.templates import as_text, render_value

if TYPE_CHECKING:
    from simulator.scenario.engine.run import Run


class Scope(Mapping[str, object]):
    """Names and their values; inner ones hide outer ones."""

    __slots__ = ("_outer", "_values")

    def __init__(self, values: Mapping[str, object], outer: Mapping[str, object]) -> None:
        self._values = values
        self._outer = outer

    def __getitem__(self, name: str) -> object:
        if name in self._values:
            return self._values[name]
        return self._outer[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._outer

    def __iter__(self) -> Iterator[str]:
        yield from self._values
        yield from (name for name in self._outer if name not in self._values)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class StoryNames(Mapping[str, object]):
    """The names that every story has: `seed`, `now`, and the ids of its users and parties."""

    def __init__(
        self, seed: int, now: Callable[[], str], id_of: Callable[[str], str | None]
    ) -> None:
        self._seed = seed
        self._now = now
        self._id_of = id_of

    def __getitem__(self, name: str) -> object:
        if name == "seed":
            return self._seed
        if name == "now":
            return self._now()
        actor, dot, field = name.rpartition(".")
        found = self._id_of(actor) if dot and field == "id" else None
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(("seed", "now"))

    def __len__(self) -> int:
        return 2


class Branch:
    """A line of the story that runs by itself, with a stream of chance of its own."""

    __slots__ = ("_forks", "ids", "random")

    def __init__(self, random: Randomness, style: EventStyle) -> None:
        self.random = random
        self.ids = style.ids_from(random)
        self._forks = 0

    def fork(self, label: str) -> Randomness:
        """Return another stream, for the next part that runs beside this branch."""
        self._forks += 1
        return self.random.fork(f"{self._forks}/{label}")


class Frame:
    """The surroundings of a list of steps."""

    __slots__ = ("branch", "run", "scope", "shift")

    def __init__(
        self, run: Run, branch: Branch, scope: Mapping[str, object], shift: int = 0
    ) -> None:
        self.run = run
        self.branch = branch
        self.scope = scope
        self.shift = shift

    def with_names(self, values: Mapping[str, object]) -> Frame:
        """Return a frame with more names."""
        return Frame(self.run, self.branch, Scope(values, self.scope), self.shift)

    def later(self, by_ns: int) -> Frame:
        """Return a frame whose events carry timestamps that lie further back."""
        return Frame(self.run, self.branch, self.scope, self.shift + by_ns)

    def on_branch(self, branch: Branch) -> Frame:
        """Return a frame for steps that run beside these."""
        return Frame(self.run, branch, self.scope, self.shift)

    def moment(self) -> Moment:
        """Return what an action needs to know of the time, now."""
        now_ns = self.run.now_ns
        return Moment(now_ns, self.run.stamp(now_ns - self.shift), self.branch.ids)

    def breathe(self) -> Going:
        """Count one thing done, and leave off here if the slice is used up; time stands still."""
        run = self.run
        run.left -= 1
        if run.left <= 0:
            yield run.now_ns

    def text(self, text: Text) -> str:
        """Return a text with its names filled in; raises `TemplateError`."""
        return text if isinstance(text, str) else as_text(text.render(self.scope))

    def value(self, value: Value) -> Any:
        """Return a JSON-like value with its names filled in; raises `TemplateError`."""
        return render_value(value, self.scope)
