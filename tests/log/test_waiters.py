"""Callbacks for readers that have caught up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulator.log import Retention, TopicLog


class Calls:
    """Counts how often it was called."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def make() -> TopicLog:
    log = TopicLog()
    log.create_topic("a", retention=Retention(max_age_ms=100))
    log.create_topic("b")
    log.append("a", b"", timestamp=0)
    log.append("b", b"", timestamp=0)
    return log


CHANGES: dict[str, Callable[[TopicLog], object]] = {
    "append": lambda log: log.append("a", b"", timestamp=0),
    "delete_records": lambda log: log.delete_records("a", 0, 1),
    "apply_retention": lambda log: log.apply_retention(101),
    "delete_topic": lambda log: log.delete_topic("a"),
    "reset": lambda log: log.reset(),
    "restore": lambda log: log.restore(log.snapshot()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("topics", [None, ["a"], ["b", "a"], ["missing", "a"]])
def test_a_change_calls_once(
    change: Callable[[TopicLog], object], topics: list[str] | None
) -> None:
    log, called = make(), Calls()
    log.wait(called, topics)
    assert called.count == 0
    change(log)
    assert called.count == 1
    log.append("b" if log.has_topic("b") else log.create_topic("b").name, b"", timestamp=0)
    assert called.count == 1


@pytest.mark.parametrize("name", ["append", "delete_records", "apply_retention", "delete_topic"])
def test_other_topics_are_left_asleep(name: str) -> None:
    log, called = make(), Calls()
    log.wait(called, ["b"])
    CHANGES[name](log)
    assert called.count == 0
    log.append("b", b"", timestamp=0)
    assert called.count == 1


@pytest.mark.parametrize(
    "nothing",
    [
        lambda log: log.delete_records("a", 0, 0),
        lambda log: log.apply_retention(100),
        lambda log: log.snapshot(),
        lambda log: log.read("a", 0, 0, max_records=1),
        lambda log: log.groups.commit("g", "a", 0, 1),
    ],
)
def test_what_changes_nothing_calls_nobody(nothing: Callable[[TopicLog], object]) -> None:
    log, called = make(), Calls()
    log.wait(called)
    nothing(log)
    assert called.count == 0


def test_a_topic_can_be_awaited_before_it_exists() -> None:
    log, called = make(), Calls()
    log.wait(called, ["new"])
    log.create_topic("new")
    assert called.count == 1


def test_cancelled_waits_are_not_called() -> None:
    log, called, other = make(), Calls(), Calls()
    log.wait(called, ["a", "b"])
    log.wait(other, ["a"])
    log.cancel_wait(called)
    log.cancel_wait(called)
    log.append("a", b"", timestamp=0)
    log.append("b", b"", timestamp=0)
    assert (called.count, other.count) == (0, 1)


def test_waiting_again_replaces_the_wait() -> None:
    log, called = make(), Calls()
    log.wait(called, ["a"])
    log.wait(called, ["b"])
    log.append("a", b"", timestamp=0)
    assert called.count == 0
    log.append("b", b"", timestamp=0)
    assert called.count == 1


def test_a_callback_sees_the_change_and_may_wait_again() -> None:
    log = make()
    seen: list[int] = []

    def follow() -> None:
        seen.append(log.bounds("a", 0)[1])
        log.wait(follow, ["a"])

    log.wait(follow, ["a"])
    log.append("a", b"", timestamp=0)
    log.append("a", b"", timestamp=0)
    assert seen == [2, 3]


def test_a_callback_may_cancel_another_and_append() -> None:
    log, other = make(), Calls()

    def first() -> None:
        log.cancel_wait(other)
        log.append("a", b"from the callback", timestamp=0)

    log.wait(first)
    log.wait(other)
    place = log.append("a", b"", timestamp=0)
    assert (place.offset, log.bounds("a", 0), other.count) == (1, (0, 3), 0)


def test_who_waits_for_no_topic_is_called_when_everything_changes() -> None:
    log, called = make(), Calls()
    log.wait(called, ())
    for name in ("append", "delete_records", "apply_retention", "delete_topic"):
        CHANGES[name](log)
    assert called.count == 0
    log.reset()
    assert called.count == 1
    log.wait(called, ())
    CHANGES["restore"](log)
    assert called.count == 2
    log.wait(called, ())
    log.groups.join("g", "m", [])
    assert called.count == 3
