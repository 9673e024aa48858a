"""How events are delivered to an event handler app, and where it is.

Most of it is not documented by the platform (facts, section 4), so each is a setting; the defaults
are what is nearest to what is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from simulator.errors import SimulatorError
from simulator.suggestions import closest, did_you_mean
from simulator.topic_names import broken_rule

STATUS_CODES: Final = (
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""gRPC's status codes but for OK."""

RETRIED_CODES: Final = frozenset(
    {
        *("UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"),
        # No answers of a handler: it was too slow, or its server was stopped while it was at work.
        *("DEADLINE_EXCEEDED", "CANCELLED"),
    }
)

MAX_BATCH: Final = 10_000
MAX_SECONDS: Final = 86_400

_TARGET: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})")
_METADATA_NAME: Final = re.compile(r"[a-z0-9._-]+(?<!-bin)")
_METADATA_TEXT: Final = re.compile(r"[ -~]*")


class HandlerError(SimulatorError):
    """A target that cannot be added."""


class InvalidDeliverySetting(SimulatorError):
    """A value that no delivery can have."""

    def __init__(self, setting: str, value: object, rule: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"delivery: {setting}={value!r} cannot be: {rule}")


@dataclass(frozen=True, slots=True)
class Chaos:
    """What a delivery does to find apps that are not idempotent, all of it from the seed.

    `duplicate`: every event is sent twice. `shuffle`: the events of a batch in another order.
    `lose_first_answer`: the first answer of every batch's events is taken for UNAVAILABLE, so that
    the app has handled what is sent again. `delay_ms`: each call waits for up to so long.
    """

    duplicate: bool = False
    shuffle: bool = False
    lose_first_answer: bool = False
    delay_ms: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delay_ms <= 600_000:
            raise InvalidDeliverySetting("delay_ms", self.delay_ms, "use 0 to 600000")


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How events are delivered; raises InvalidDeliverySetting.

    `group`: whose committed offsets say how far the delivery is, `handlers.<target>` by default.
    `topics`: of these alone. `start`: where a group without offsets begins. `batch_size`: events
    taken at once, and calls in flight at once up to 500, unless `ordered`. `retried_codes`: which
    answers are tried again; `retry_batch`: with the whole batch, as the platform does, or alone.
    `attempts`: of a batch, no bound by default. `backoff_s`, `max_backoff_s`: seconds before the
    second attempt and, doubling, before any; less for an app that was not there and has come.
    `deadline_s`: of each call. `dead_letters`: a topic for what is given up and what cannot be
    sent; it is created. `trace_headers`: whether calls carry B3 and W3C headers. `metadata`:
    further headers.
    """

    group: str | None = None
    topics: tuple[str, ...] = ()
    start: Literal["earliest", "latest"] = "earliest"
    batch_size: int = 500
    ordered: bool = False
    retried_codes: frozenset[str] = RETRIED_CODES
    retry_batch: bool = True
    attempts: int | None = None
    backoff_s: float = 0.2
    max_backoff_s: float = 10.0
    deadline_s: float = 10.0
    dead_letters: str | None = None
    trace_headers: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    chaos: Chaos = Chaos()

    def __post_init__(self) -> None:
        if self.group == "":
            raise InvalidDeliverySetting("group", self.group, "it must not be empty")
        rule = None if self.dead_letters is None else broken_rule(self.dead_letters)
        if rule is not None:
            raise InvalidDeliverySetting("dead_letters", self.dead_letters, rule)
        if self.start not in ("earliest", "latest"):
            raise InvalidDeliverySetting("start", self.start, "use earliest or latest")
        if not 1 <= self.batch_size <= MAX_BATCH:
            raise InvalidDeliverySetting("batch_size", self.batch_size, f"use 1 to {MAX_BATCH}")
        if self.attempts is not None and self.attempts < 1:
            raise InvalidDeliverySetting("attempts", self.attempts, "use at least 1, or None")
        if not 0 < self.backoff_s <= self.max_backoff_s:
            rule = f"use more than 0, and at most max_backoff_s={self.max_backoff_s}"
            raise InvalidDeliverySetting("backoff_s", self.backoff_s, rule)
        for name in ("max_backoff_s", "deadline_s"):
            seconds = getattr(self, name)
            if not 0 < seconds <= MAX_SECONDS:
                rule = f"use more than 0 and at most {MAX_SECONDS} seconds"
                raise InvalidDeliverySetting(name, seconds, rule)
        for name, text in self.metadata.items():
            if _METADATA_NAME.fullmatch(name) is None or name.startswith("grpc-"):
                rule = "use lower case letters, digits, - _ . for names, and no grpc- or -bin"
                raise InvalidDeliverySetting("metadata", name, rule)
            if _METADATA_TEXT.fullmatch(text) is None:
                raise InvalidDeliverySetting("metadata", text, "use printable ASCII for values")
        for code in self.retried_codes:
            if code not in STATUS_CODES or code == "UNIMPLEMENTED":
                hint = did_you_mean(closest(code, STATUS_CODES))
                rule = f"name gRPC status codes other than UNIMPLEMENTED{hint}"
                raise InvalidDeliverySetting("retried_codes", code, rule)

    def backoff(self, attempt: int) -> float:
        """Seconds to wait behind the attempt of that number, the first being 1."""
        return float(min(self.backoff_s * 2 ** min(attempt - 1, 60), self.max_backoff_s))


def check_target(target: str) -> None:
    """Raise HandlerError unless `target` is `host:port`."""
    matched = _TARGET.fullmatch(target)
    if matched is None or not 0 < int(matched[2]) <= 65_535:
        raise HandlerError(f"{target!r} is no target: write host:port, such as 127.0.0.1:6565")
