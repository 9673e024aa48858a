"""What is seen of one expectation: a small counter for each kind, whose memory does not grow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from simulator.scenario.near_miss import (
    Conditions,
    NearMisses,
    Tally,
    first_difference,
    said_fields,
)
from simulator.scenario.script import Expectation, Position


class Verdict(NamedTuple):
    """How an expectation stands. `text` says what was expected, where, and what was seen."""

    ok: bool
    text: str
    at: Position


class Watch(ABC):
    """One expectation, and what has been seen of it."""

    def __init__(
        self, expectation: Expectation, wanted: list[Conditions], label: Callable[[str], str]
    ) -> None:
        self.at = expectation.at
        self.expectation = expectation
        self.wanted = wanted
        self.label = label

    @abstractmethod
    def judge(self) -> tuple[bool, str]:
        """Whether it holds, and what was seen."""

    def verdict(self) -> Verdict:
        """The verdict, with the place in the script."""
        ok, text = self.judge()
        return Verdict(ok, f"{self.at}: {text}", self.at)


class EventWatch(Watch):
    """An expectation about events."""

    def names(self) -> Iterable[str | None]:
        """The events to be shown; None: all of them."""
        return (self.wanted[0].event,)

    @abstractmethod
    def see(
        self, topic: str, name: str, user_id: str | None, event: Mapping[str, Any], time_ns: int
    ) -> None:
        """Look at an event of one of these names."""


class RefusalWatch(Watch):
    """An expectation about what the chat service did not do, of which there may be no event."""

    def __init__(
        self, expectation: Expectation, wanted: list[Conditions], label: Callable[[str], str]
    ) -> None:
        super().__init__(expectation, wanted, label)
        self._count = 0
        self._others = Tally()

    def see(self, user_id: str, reason: str) -> None:
        """Look at a refusal."""
        wanted = self.wanted[0]
        if self.expectation.reason in (None, reason) and (
            not wanted.user_ids or wanted.is_user(user_id)
        ):
            self._count += 1
        else:
            self._others.add(f"{reason} for {self.label(user_id)}")

    def judge(self) -> tuple[bool, str]:
        """Whether it holds, and what was seen."""
        at_least, at_most = self.expectation.at_least, self.expectation.at_most
        what = "refusal" if 1 in (at_least, at_most) else "refusals"
        if self.expectation.reason is not None:
            what = f"{what} as {self.expectation.reason}"
        if self.wanted[0].user is not None:
            what = f"{what} for {self.wanted[0].user}"
        text = f"{said_range(at_least, at_most)} {what}, saw {self._count}"
        if at_least <= self._count and (at_most is None or self._count <= at_most):
            return True, text
        others = f": {self._others.in_words()}" if self._others.total else ""
        return False, f"expected {text}{others}"


class CountWatch(EventWatch):
    """So many events match."""

    def __init__(
        self,
        expectation: Expectation,
        wanted: list[Conditions],
        label: Callable[[str], str],
        arrived: Tally,
    ) -> None:
        super().__init__(expectation, wanted, label)
        self._arrived = arrived
        self._count = 0
        self._excess: str | None = None
        self._near = NearMisses(wanted[0], label)

    def see(
        self, topic: str, name: str, user_id: str | None, event: Mapping[str, Any], time_ns: int
    ) -> None:
        """Look at an event."""
        if not self.wanted[0].matches(topic, name, user_id, event):
            self._near.note(topic, name, user_id, event)
            return
        self._count += 1
        if self._excess is None and self._count - 1 == self.expectation.at_most:
            self._excess = said_event(user_id, event, time_ns, self.label)

    def judge(self) -> tuple[bool, str]:
        """Whether it holds, and what was seen."""
        at_least, at_most = self.expectation.at_least, self.expectation.at_most
        wanted = self.wanted[0]
        count = self._count
        if count >= at_least and (at_most is None or count <= at_most):
            return True, f"{count or 'no'} {wanted.said('event' if count == 1 else 'events')}"
        what = wanted.said("event" if 1 in (at_least, at_most) else "events")
        expected = f"expected {said_range(at_least, at_most)} {what}, saw {count}"
        if count < at_least:
            return False, f"{expected}: {self._near.explain(self._arrived)}"
        which = "the first" if at_most == 0 else "the first one too many"
        return False, f"{expected}; {which} is {self._excess}"


class OrderWatch(EventWatch):
    """Events occur in an order."""

    def __init__(
        self, expectation: Expectation, wanted: list[Conditions], label: Callable[[str], str]
    ) -> None:
        super().__init__(expectation, wanted, label)
        self._next = 0
        self._last: str | None = None
        self._early = [0] * len(wanted)
        self._near = NearMisses(wanted[0], label)

    def names(self) -> Iterable[str | None]:
        """All that it waits for."""
        names = {wanted.event for wanted in self.wanted}
        return (None,) if None in names else sorted(name for name in names if name is not None)

    def see(
        self, topic: str, name: str, user_id: str | None, event: Mapping[str, Any], time_ns: int
    ) -> None:
        """Look at an event."""
        if self._next == len(self.wanted):
            return
        if self.wanted[self._next].matches(topic, name, user_id, event):
            self._next += 1
            self._last = said_event(user_id, event, time_ns, self.label)
            if self._next < len(self.wanted):
                self._near = NearMisses(self.wanted[self._next], self.label)
            return
        self._near.note(topic, name, user_id, event)
        for index in range(self._next + 1, len(self.wanted)):
            if self.wanted[index].matches(topic, name, user_id, event):
                self._early[index] += 1

    def judge(self) -> tuple[bool, str]:
        """Whether it holds, and what was seen."""
        total = len(self.wanted)
        if self._next == total:
            return True, f"{total} events in order"
        missing = self.wanted[self._next]
        place = f"no. {self._next + 1} of {total} in order"
        if self._next == 0:
            return False, f"expected {missing} ({place}), it did not come: {self._near.explain()}"
        before = self.wanted[self._next - 1]
        text = f"expected {missing} ({place}) after {before} ({self._last}), it did not come"
        early = self._early[self._next]
        if early:
            return False, f"{text}: {early} came before that"
        return False, f"{text}: after that, {self._near.explain()}"


class AllWatch(EventWatch):
    """All that match one thing match another."""

    def __init__(
        self, expectation: Expectation, wanted: list[Conditions], label: Callable[[str], str]
    ) -> None:
        super().__init__(expectation, wanted, label)
        self._count = 0
        self._wrong = 0
        self._first: str | None = None

    def see(
        self, topic: str, name: str, user_id: str | None, event: Mapping[str, Any], time_ns: int
    ) -> None:
        """Look at an event."""
        of, have = self.wanted
        if not of.matches(topic, name, user_id, event):
            return
        self._count += 1
        if not have.matches(topic, name, user_id, event):
            self._wrong += 1
            if self._first is None:
                difference = first_difference(have, topic, name, event)
                self._first = f"{said_event(user_id, event, time_ns, self.label)}, and {difference}"

    def judge(self) -> tuple[bool, str]:
        """Whether it holds, and what was seen."""
        of, have = self.wanted
        if not self._count:
            return True, f"no {of}, so all are {_said_have(have)}"
        if not self._wrong:
            return True, f"all of {self._count} {of} are {_said_have(have)}"
        wrong = f"{self._wrong} of {self._count} {'is' if self._wrong == 1 else 'are'} not"
        return False, (
            f"expected every {of} to be {_said_have(have)}; {wrong}: the first is {self._first}"
        )


def said_event(
    user_id: str | None, event: Mapping[str, Any], time_ns: int, label: Callable[[str], str]
) -> str:
    """Which event it is: its id, user and timestamp."""
    parts = [str(event["id"]) if "id" in event else "one without id"]
    if user_id is not None:
        parts.append(f"for {label(user_id)}")
    return " ".join([*parts, f"at {said_time(time_ns)}"])


def said_time(time_ns: int) -> str:
    """RFC 3339 with as many digits as the instant needs, down to milliseconds."""
    milliseconds = time_ns // 1_000_000
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    rest = milliseconds % 1000
    return f"{moment:%Y-%m-%dT%H:%M:%S}{f'.{rest:03}' if rest else ''}Z"


def said_range(at_least: int, at_most: int | None) -> str:
    """How many there must be."""
    if at_most is None:
        return f"at least {at_least}"
    if at_most == at_least:
        return f"exactly {at_least}" if at_least else "no"
    return f"{at_least} to {at_most}" if at_least else f"at most {at_most}"


def _said_have(have: Conditions) -> str:
    parts = []
    if have.event is not None:
        parts.append(f"a {have.event}")
    if have.user is not None:
        parts.append(f"for {have.user}")
    if have.topic is not None:
        parts.append(f"in topic {have.topic}")
    if have.where:
        parts.append(f"with {said_fields(have.where)}")
    return " ".join(parts)
