from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from simulator.log import TopicDeleted, TopicLog
from simulator.scenario.near_miss import Conditions
from simulator.testing.criteria import Criteria
from simulator.testing.events import Event
from simulator.testing.waiting import WaitTimeout, events_matching, wait_for_events


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("chat")
    log.create_topic("other")
    return log


def append(log: TopicLog, topic: str, name: str) -> None:
    log.append(topic, b'{"name":"%b"}' % name.encode(), timestamp=0)


async def after_waiting(
    log: TopicLog, criteria: Criteria, count: int, *changes: Callable[[], object]
) -> list[Event]:
    """What a wait gives when changes happen one by one, each when it has dealt with the last."""
    waiting = asyncio.create_task(wait_for_events(log, criteria, count, 30, {}))
    for change in changes:
        for _ in range(5):
            await asyncio.sleep(0)
        change()
    return await waiting


async def test_topics_that_come_while_waiting_are_read_too(log: TopicLog) -> None:
    (event,) = await after_waiting(
        log,
        Criteria(Conditions(event="new")),
        1,
        lambda: log.create_topic("late"),
        lambda: append(log, "late", "new"),
    )
    assert event.topic == "late"


async def test_topics_that_go_while_waiting_are_no_concern(log: TopicLog) -> None:
    append(log, "chat", "one")
    events = await after_waiting(
        log,
        Criteria(),
        3,
        lambda: log.delete_topic("other"),
        lambda: append(log, "chat", "two"),
        lambda: log.create_topic("other"),
        lambda: append(log, "other", "three"),
    )
    assert [event.name for event in events] == ["one", "two", "three"]


async def test_the_topic_that_is_waited_for_goes(log: TopicLog) -> None:
    criteria = Criteria(Conditions(topic="other"))
    with pytest.raises(TopicDeleted, match="other"):
        await after_waiting(log, criteria, 1, lambda: log.delete_topic("other"))


async def test_what_is_there_is_found_without_waiting(log: TopicLog) -> None:
    append(log, "chat", "one")
    (event,) = await wait_for_events(log, Criteria(), 1, 0, {})
    assert event.name == "one"
    assert events_matching(log, Criteria()) == [event]


async def test_events_that_meet_all_but_the_predicate_are_counted(log: TopicLog) -> None:
    append(log, "chat", "one")
    append(log, "chat", "one")
    criteria = Criteria(Conditions(event="one"), lambda event: event.offset == 1)
    with pytest.raises(WaitTimeout) as caught:
        await wait_for_events(log, criteria, 2, 0, {})
    assert str(caught.value) == (
        "waited 0 s for 2 times one matching <lambda>: 1 of 2 arrived; "
        "1 met everything but the predicate"
    )


async def test_an_error_of_the_predicate_is_the_callers(log: TopicLog) -> None:
    def predicate(event: Event) -> bool:
        raise TimeoutError("mine")

    append(log, "chat", "one")
    with pytest.raises(TimeoutError, match="mine"):
        await wait_for_events(log, Criteria(matching=predicate), 1, 30, {})
