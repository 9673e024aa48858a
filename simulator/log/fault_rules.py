"""Rules that make a broker fail on purpose: what they match, how often, and what happens then.

- A rule matches a request when all the conditions that it names hold: the API, the client id, the
  broker, and the topics, partitions, groups and transactional ids that the request is about.
- The rules are looked at in the order in which they were added. The first that fires decides; the
  ones behind it do not see the request.
- A rule that matches has *seen* the request; it *fires* as its counts say: `nth` only for that
  match, `every` for each n-th, `probability` by chance, and `times` at most so often.
- Chance comes from a stream that is handed in, one draw for each match of a rule that has a
  probability: the same seed and the same requests fire the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final, Literal, get_args

from simulator.log.errors import LogError
from simulator.log.kafka_names import wrong_api, wrong_error

Drop = Literal["before", "after"]
DROPS: Final = get_args(Drop)

MAX_RULES: Final = 1000
MAX_MS: Final = 86_400_000
"""A day: the longest delay or throttle."""


class InvalidFault(LogError):
    """A rule that cannot be."""


class FaultNotFound(LogError):
    """There is no rule of that id, or it was removed."""

    def __init__(self, fault_id: int) -> None:
        super().__init__(f"there is no fault {fault_id}, or it was removed")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """What a rule matches, how often it fires, and what it does; raises `InvalidFault`.

    Conditions, None for any: `api` by Kafka's name, `client_id`, `broker` (node id), `topic`,
    `partition`, `group`, `transactional_id`.

    Counts: `times`, `nth`, `every`, `probability`; see the module.

    Effects, at least one. `delay_ms`: handle the request so much later. `error`: answer with this
    error by Kafka's name instead of handling it. `drop`: close the connection without an answer,
    "before" the request is handled, or "after". `cut`: send only so many bytes of the answer, then
    close. `throttle_ms`: say so in the answer, and do not read from the connection for that long.
    `duplicate`: append the batches of a Produce request twice.
    Before the request is handled: `stop_broker` (a node id, or True for the one that was reached),
    to be started again after `restart_after_ms`; `move_leader` of the partitions asked for and
    `move_coordinator` of the group asked for, to a node id, or True for the next broker;
    `expire_session` of the member that asks, or of all members where the request names none;
    `fence_producer` that asks.
    """

    api: str | None = None
    client_id: str | None = None
    broker: int | None = None
    topic: str | None = None
    partition: int | None = None
    group: str | None = None
    transactional_id: str | None = None

    times: int | None = None
    nth: int | None = None
    every: int | None = None
    probability: float | None = None

    delay_ms: int | None = None
    error: str | None = None
    drop: Drop | None = None
    cut: int | None = None
    throttle_ms: int | None = None
    duplicate: bool = False
    stop_broker: int | bool = False
    restart_after_ms: int | None = None
    move_leader: int | bool = False
    move_coordinator: int | bool = False
    expire_session: bool = False
    fence_producer: bool = False

    def __post_init__(self) -> None:
        for problem in (self._wrong_name(), self._wrong_count(), self._wrong_effect()):
            if problem:
                raise InvalidFault(problem)

    def __str__(self) -> str:
        told = (
            f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None and value is not False
        )
        return f"fault({', '.join(told)})"

    @property
    def about_places(self) -> bool:
        """Whether it matters what the request is about, not only what it is and whose."""
        return not (
            self.topic is None
            and self.partition is None
            and self.group is None
            and self.transactional_id is None
        )

    def _wrong_name(self) -> str | None:
        wrong = wrong_api(self.api) if self.api is not None else None
        wrong = wrong or (wrong_error(self.error) if self.error is not None else None)
        if (
            wrong is None
            and self.partition is not None
            and not (isinstance(self.partition, int) and self.partition >= 0)
        ):
            wrong = f"partition={self.partition!r}: partitions count from 0"
        return wrong

    def _wrong_count(self) -> str | None:
        for name in ("times", "nth", "every"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and value >= 1):
                return f"{name}={value!r}: use a whole number, at least 1"
        chance = self.probability
        if chance is not None and not (isinstance(chance, int | float) and 0 < chance <= 1):
            return f"probability={chance!r}: use more than 0, and at most 1"
        if sum(value is not None for value in (self.nth, self.every, self.probability)) > 1:
            return "of nth, every and probability a fault has one"
        return None

    def _wrong_effect(self) -> str | None:
        if not any(self._effects().values()):
            return f"a fault does something: give it {', '.join(self._effects())}"
        for name in ("delay_ms", "throttle_ms", "restart_after_ms"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= MAX_MS:
                return f"{name}={value}: use 0 to {MAX_MS}"
        if self.drop is not None and self.drop not in DROPS:
            return f"drop={self.drop!r}: use 'before' or 'after' (the request is handled)"
        if self.cut is not None and not (isinstance(self.cut, int) and self.cut >= 0):
            return f"cut={self.cut!r}: use the number of bytes that are still sent, 0 or more"
        if self.restart_after_ms is not None and self.stop_broker is False:
            return "restart_after belongs to stop_broker"
        if self.duplicate and self.api not in ("Produce", None):
            return f"duplicate is for Produce requests, not for {self.api}"
        return self._contradiction()

    def _contradiction(self) -> str | None:
        unhandled = self.error is not None or self.drop == "before"
        if self.error is not None and self.drop == "before":
            return "error and drop='before' exclude each other: there is an answer, or none"
        if self.cut is not None and self.drop is not None:
            return "cut and drop exclude each other: cut closes the connection, too"
        if self.duplicate and unhandled:
            return "duplicate needs a request that is handled: leave error and drop='before' out"
        return None

    def _effects(self) -> Mapping[str, bool]:
        return {
            "error": self.error is not None,
            "delay": self.delay_ms is not None,
            "drop": self.drop is not None,
            "cut": self.cut is not None,
            "throttle": self.throttle_ms is not None,
            "duplicate": self.duplicate,
            "stop_broker": self.stop_broker is not False,
            "move_leader": self.move_leader is not False,
            "move_coordinator": self.move_coordinator is not False,
            "expire_session": self.expire_session,
            "fence_producer": self.fence_producer,
        }


class Fault:
    """A rule in force, with what became of it."""

    __slots__ = ("fault_id", "fired", "rule", "seen")

    def __init__(self, fault_id: int, rule: FaultRule) -> None:
        self.fault_id = fault_id
        self.rule = rule
        self.seen = 0
        """How many requests matched while it could fire."""
        self.fired = 0
        """For how many of them it did something."""

    @property
    def spent(self) -> bool:
        """Whether it will not fire again."""
        rule = self.rule
        if rule.times is not None and self.fired >= rule.times:
            return True
        return rule.nth is not None and self.seen >= rule.nth

    def count(self, draw: Callable[[], float]) -> bool:
        """Count one match; whether the rule fires for it."""
        rule = self.rule
        self.seen += 1
        if rule.nth is not None:
            fires = self.seen == rule.nth
        elif rule.every is not None:
            fires = self.seen % rule.every == 0
        elif rule.probability is not None:
            fires = draw() < rule.probability
        else:
            fires = True
        self.fired += fires
        return fires


class FaultRules:
    """The rules in force, in the order in which they were added."""

    def __init__(self, draw: Callable[[], float]) -> None:
        """`draw` gives numbers in [0, 1) from the seeded stream."""
        self._draw = draw
        self._faults: dict[int, Fault] = {}
        self._added = 0

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def faults(self) -> Mapping[int, Fault]:
        """The faults by their ids."""
        return MappingProxyType(self._faults)

    def add(self, rule: FaultRule) -> Fault:
        """Put a rule into force, behind the others. Raises `InvalidFault` for too many."""
        if len(self._faults) >= MAX_RULES:
            raise InvalidFault(f"there are {MAX_RULES} faults already; remove some")
        self._added += 1
        fault = self._faults[self._added] = Fault(self._added, rule)
        return fault

    def find(self, fault_id: int) -> Fault:
        """A fault; raises `FaultNotFound`."""
        fault = self._faults.get(fault_id)
        if fault is None:
            raise FaultNotFound(fault_id)
        return fault

    def remove(self, fault_id: int) -> None:
        """Let a rule no longer fire; harmless where it is not there."""
        self._faults.pop(fault_id, None)

    def clear(self) -> None:
        """Remove all rules."""
        self._faults.clear()

    def fire(self, matches: Callable[[FaultRule], bool]) -> Fault | None:
        """The fault that fires for a request; `matches` tells which rules match it."""
        for fault in self._faults.values():
            if not fault.spent and matches(fault.rule) and fault.count(self._draw):
                return fault
        return None
