"""A parsed script: plain frozen data, every name resolved as far as it can be before a run.

The parser builds these, the engine walks them. Durations and shifts are integer nanoseconds.
A `Text` is either a literal or a template that the engine renders against the running scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from simulator.delivery_settings import DeliverySettings
from simulator.log.fault_rules import FaultRule
from simulator.scenario.deliveries import DeliveryOutcome
from simulator.scenario.errors import Problem
from simulator.scenario.templates import Template

Text = str | Template
Value = None | bool | int | float | Text | tuple["Value", ...] | Mapping[str, "Value"]
"""A JSON-like value whose strings, at any depth, may be templates."""

DELIVERED_WITHIN: Final = 5_000_000_000
"""How long a story waits for event handler apps, unless it says otherwise (real nanoseconds)."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a script file; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Who:
    """The users a step is about: named ones, the members of parties, or all who are connected."""

    users: tuple[Text, ...] = ()
    parties: tuple[str, ...] = ()
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A duration, or a range of durations to draw from uniformly (nanoseconds, inclusive)."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """A named distribution of durations; parameters in nanoseconds."""

    kind: Literal["constant", "uniform", "exponential", "normal"]
    mean: int = 0
    low: int = 0
    high: int = 0
    deviation: int = 0


# --- steps ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """What all steps share: where the script wrote it."""

    at: Position


@dataclass(frozen=True, slots=True)
class Connect(Step):
    """Users open a session: `userConnected`."""

    who: Who


@dataclass(frozen=True, slots=True)
class Chat(Step):
    """A user writes: `personalChatSent`, or what the chat service makes of it.

    Exactly one of `text`, `length` (characters, inclusive range) and `corpus` (a named list of
    texts) is set, and exactly one of `to` (a user) and `party`.
    """

    sender: Text
    to: Text | None = None
    party: Text | None = None
    text: Text | None = None
    length: tuple[int, int] | None = None
    corpus: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimit(Step):
    """Scripted `userChatRateLimited`; None means the service's setting."""

    who: Who
    reason: Text | None = None
    code: int | None = None
    forced: bool | None = None


@dataclass(frozen=True, slots=True)
class Disconnect(Step):
    """Sessions end: `userDisconnected`; None means the service's setting."""

    who: Who
    reason: Text | None = None
    code: int | None = None
    forced: bool | None = None


@dataclass(frozen=True, slots=True)
class Mute(Step):
    """The service stops accepting chat of these users for a time (None: until unmuted)."""

    who: Who
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class Unmute(Step):
    """The service accepts chat of these users again."""

    who: Who


@dataclass(frozen=True, slots=True)
class Produce(Step):
    """Any event of the catalogue: its example values, a fresh envelope, then `set` by JSON path.

    `set` maps dotted paths (`payload.userDisconnected.code`) to values; `remove` lists paths to
    leave out; `raw` replaces the whole value by a string. `validate` False lets a bad one through,
    marked unchecked.
    """

    event: Text | None
    topic: Text | None = None
    user: Text | None = None
    set: Mapping[str, Value] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    raw: Text | None = None
    key: Text | None = None
    headers: tuple[tuple[str, Text], ...] = ()
    partition: int | None = None
    validate: bool = True


@dataclass(frozen=True, slots=True)
class Duplicate(Step):
    """Publish again, byte for byte, the last `last` records that match `event` (None: any)."""

    last: int = 1
    times: int = 1
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Wait(Step):
    """Time passes."""

    span: Span


@dataclass(frozen=True, slots=True)
class Late(Step):
    """Events of the inner steps carry timestamps that lie `by` nanoseconds in the past."""

    by: int
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Repeat(Step):
    """Inner steps run `times` times or once for each value, `every` nanoseconds apart.

    The scope of the inner steps has the counter `n` (from 1) and, under `name`, the value.
    """

    steps: tuple[Step, ...]
    times: int | None = None
    each: tuple[Value, ...] | None = None
    name: str = "item"
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Parallel(Step):
    """Branches run at the same (virtual) time; the step ends when the last one has."""

    branches: tuple[tuple[Step, ...], ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One weighted way a choice can go."""

    weight: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Choose(Step):
    """One option runs, drawn by weight from the seeded generator."""

    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Crowd(Step):
    """Users who arrive, chat and leave; they are named `<name>-00001` and so on.

    `arrivals` is the gap between two arrivals (exponential: Poisson arrivals), `stay` the length
    of a session, `pause` the gap between two messages of one user. `partners` says whom they
    write to: `random` (anyone of the crowd now connected), `pairs` (neighbours), `party` (their
    party of `party_size`), or `neighbours` of a Zipf-like popularity (`popular`).
    """

    name: str
    users: int
    arrivals: Distribution
    stay: Distribution
    pause: Distribution | None
    partners: Literal["random", "pairs", "party", "popular"] = "random"
    party_size: int = 4
    text: Text | None = None
    length: tuple[int, int] | None = None
    corpus: str | None = None
    reason: Text | None = None
    code: int | None = None
    forced: bool | None = None


@dataclass(frozen=True, slots=True)
class Fault(Step):
    """Kafka brokers fail on purpose from here on, or while the inner steps go on.

    None as the rule ends the faults that the story began.
    """

    rule: FaultRule | None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Broker(Step):
    """A Kafka broker stops or starts; all do where there is no `node_id`."""

    action: Literal["stop", "start"]
    node_id: int | None = None


@dataclass(frozen=True, slots=True)
class Leader(Step):
    """Another Kafka broker leads a partition of `topic`, or coordinates a group or transaction.

    Exactly one of `topic`, `group` and `transactional_id` is set. `to` None means the next broker.
    """

    topic: str | None = None
    partition: int = 0
    group: str | None = None
    transactional_id: str | None = None
    to: int | None = None


@dataclass(frozen=True, slots=True)
class Deliver(Step):
    """Events are delivered to an event handler app from here on.

    `to` is `host:port`; None ends what the story began. At its end the story waits up to `within`
    (nanoseconds of real time) until the app has dealt with everything.
    """

    to: Text | None
    settings: DeliverySettings = DeliverySettings()
    within: int = DELIVERED_WITHIN


@dataclass(frozen=True, slots=True)
class Expect(Step):
    """Expectations checked at this point of the story, over all that the run emitted so far."""

    expectations: tuple[Expectation, ...]


# --- expectations --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Match:
    """Which events an expectation is about: all given conditions hold; user names or ids."""

    event: str | None = None
    topic: str | None = None
    user: Text | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must hold of a run's events.

    `count`: between `at_least` and `at_most` events match (0..0 is "none of").
    `order`: `matches` occur in this order, other events in between allowed.
    `all`: every event that matches `matches[0]` also matches `matches[1]`.
    `refused`: the chat service refused between `at_least` and `at_most` requests, for `reason` and
    of the user of `matches[0]` where these are given.
    `delivered`: event handler apps (only `to` where that is given) have dealt with `every` event
    that matches, or with so many, as `outcome` says; the story waits `within` nanoseconds of real
    time for that.
    """

    at: Position
    kind: Literal["count", "order", "all", "refused", "delivered"]
    matches: tuple[Match, ...]
    at_least: int = 0
    at_most: int | None = None
    reason: str | None = None
    every: bool = False
    outcome: DeliveryOutcome = "handled"
    to: Text | None = None
    within: int = DELIVERED_WITHIN


# --- settings ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The simulated chat service. What the published facts leave open is a setting here.

    Durations in nanoseconds. `rate_limit_messages` per `rate_limit_window` is a token bucket per
    user; 0 messages switch it off. The same text `spam_repeats` times within `spam_window` mutes
    the sender for `spam_mute`; 0 repeats switch it off.
    """

    rate_limit_messages: int = 10
    rate_limit_window: int = 1_000_000_000
    spam_repeats: int = 0
    spam_window: int = 5_000_000_000
    spam_mute: int = 30_000_000_000
    max_message_length: int | None = None
    max_users: int | None = None
    multiple_sessions: Literal["allow", "refuse", "replace"] = "replace"
    rate_limited_code: int = 20007
    rate_limited_reason: str = "too many requests"
    rate_limited_forced: bool = False
    rate_limited_disconnects: bool = False
    rate_limited_disconnect_code: int = 4099
    disconnect_code: int = 1000
    disconnect_reason: str = "normal closure"
    target_type_user: str = "user"
    target_type_party: str = "party"
    target_members: Literal["all", "others"] = "all"


@dataclass(frozen=True, slots=True)
class User:
    """A named actor; without an `id` one is derived from the seed and the name."""

    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A named group of users; without an `id` one is derived from the seed and the name."""

    name: str
    members: tuple[str, ...]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """A whole story, includes merged in.

    `variables` stand in an order in which each comes after those that it uses. `warnings` are what
    looks like a mistake although it can be played.
    """

    name: str
    file: str
    steps: tuple[Step, ...]
    description: str = ""
    seed: int | None = None
    start: int | None = None
    namespace: str = "game"
    parent_namespace: str | None = None
    client_id: str = "game-client"
    ids: Literal["dashed", "compact"] = "dashed"
    timestamps: Literal["seconds", "milliseconds", "nanoseconds"] = "milliseconds"
    service: ServiceSettings = field(default_factory=ServiceSettings)
    users: Mapping[str, User] = field(default_factory=dict)
    parties: Mapping[str, Party] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)
    corpora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expectations: tuple[Expectation, ...] = ()
    warnings: tuple[Problem, ...] = ()
