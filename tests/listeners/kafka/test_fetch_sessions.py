"""Fetch sessions (KIP-227): by themselves, and on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kafka_batches import build_batch, records_of
from kafka_wire import FETCH, Wire, fetch

from simulator import AsyncSimulator
from simulator.listeners.kafka.fetch_sessions import (
    EVICTION_MS,
    FetchSessions,
    SessionError,
    Wanted,
    Watermarks,
)
from simulator.log.batches import parse_batch

ONE = parse_batch(build_batch([(7, b"k", b"v", ())]))


@pytest.fixture(autouse=True)
def topic(sim: AsyncSimulator) -> None:
    sim.create_topic("t", partitions=3)


async def ask(wire: Wire, *places: Any, version: int = 11, **options: Any) -> Any:
    return await wire.ask(FETCH, version, **fetch(*places, **options))


def told(answer: Any) -> list[int]:
    """The partitions of an answer."""
    return [part.partition_index for topic in answer.responses for part in topic.partitions]


ALL = (("t", 0, 0), ("t", 1, 0), ("t", 2, 0))


async def begin(wire: Wire, **options: Any) -> int:
    answer = await ask(wire, *ALL, session=(0, 0), **options)
    assert answer.error_code.name == "none"
    assert told(answer) == [0, 1, 2]
    assert answer.session_id > 0
    return int(answer.session_id)


@pytest.mark.parametrize("version", [7, 11, 12, 16])
async def test_only_what_has_changed_is_told(sim: AsyncSimulator, wire: Wire, version: int) -> None:
    ids = {"t": sim.log.topic("t").topic_id}
    session = await begin(wire, version=version, topic_ids=ids)

    async def next_answer(epoch: int, *places: Any, **options: Any) -> Any:
        options |= {"session": (session, epoch), "version": version, "topic_ids": ids}
        answer = await ask(wire, *places, **options)
        assert (answer.error_code.name, answer.session_id) == ("none", session)
        return answer

    assert told(await next_answer(1)) == []
    sim.log.append_batch("t", 1, ONE)
    answer = await next_answer(2)
    assert told(answer) == [1]
    assert len(records_of(answer.responses[0].partitions[0].records)) == 1
    assert told(await next_answer(3)) == [1]  # the client has not moved on
    assert told(await next_answer(4, ("t", 1, 1))) == []
    sim.log.delete_records("t", 1, 1)
    assert told(await next_answer(5)) == [1]  # the first offset has moved


async def test_partitions_join_and_leave_a_session(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("u")
    session = await begin(wire)
    answer = await ask(wire, ("u", 0, 0), session=(session, 1), forgotten=(("t", 0), ("t", 2)))
    assert [topic.topic for topic in answer.responses] == ["u"]
    for partition in range(3):
        sim.log.append_batch("t", partition, ONE)
    assert told(await ask(wire, session=(session, 2))) == [1]


async def test_an_error_is_told_each_time_and_so_is_its_end(
    sim: AsyncSimulator, wire: Wire
) -> None:
    session = await begin(wire)
    for epoch in (1, 2):
        answer = await ask(wire, ("t", 0, 5), session=(session, epoch))
        assert told(answer) == [0]
        assert answer.responses[0].partitions[0].error_code.name == "offset_out_of_range"
    assert told(await ask(wire, ("t", 0, 0), session=(session, 3))) == [0]
    assert told(await ask(wire, session=(session, 4))) == []


async def test_a_waiting_request_of_a_session_is_woken(sim: AsyncSimulator, wire: Wire) -> None:
    session = await begin(wire)
    wire.send(FETCH, 11, **fetch(session=(session, 1), max_wait=100))
    async with await Wire.connect(sim.bootstrap_servers) as other:
        await ask(other)  # the first request is read by now
    sim.log.append_batch("t", 2, ONE)
    assert told(await wire.receive(FETCH, 11)) == [2]


async def test_a_session_may_begin_with_nothing(wire: Wire) -> None:
    number = (await ask(wire, session=(0, 0))).session_id
    assert number > 0  # as from a real Kafka
    assert told(await ask(wire, ("t", 1, 0), session=(number, 1))) == [1]


async def test_a_request_that_its_session_has_overtaken_is_refused(
    sim: AsyncSimulator, wire: Wire
) -> None:
    session = await begin(wire)
    async with await Wire.connect(sim.bootstrap_servers) as other:
        wire.send(FETCH, 11, **fetch(session=(session, 1), max_wait=1000))
        async with asyncio.timeout(60):
            while not sim.log._waiters.by_topic:  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert (await ask(other, session=(session, 2))).error_code.name == "none"
        sim.log.append_batch("t", 1, ONE)
        late = await asyncio.wait_for(wire.receive(FETCH, 11), 60)
        assert (late.error_code.name, late.session_id) == ("invalid_fetch_session_epoch", session)
        assert told(await ask(other, session=(session, 3))) == [1]


async def test_refused_sessions(sim: AsyncSimulator, wire: Wire) -> None:
    session = await begin(wire)

    async def error(session_id: int, epoch: int, version: int = 11) -> str:
        answer = await ask(wire, session=(session_id, epoch), version=version)
        assert (answer.session_id, answer.responses) == (0, ())
        return str(answer.error_code.name)

    assert await error(session + 1, 1) == "fetch_session_id_not_found"
    assert await error(session, 2) == "invalid_fetch_session_epoch"
    assert await error(session, 1, version=13) == "fetch_session_topic_id_error"
    assert told(await ask(wire, session=(session, 1))) == []  # and it still stands
    answer = await ask(wire, *ALL, session=(session, -1))
    assert (answer.session_id, told(answer)) == (0, [0, 1, 2])
    assert await error(session, 2) == "fetch_session_id_not_found"


async def test_a_new_session_replaces_the_one_that_is_named(wire: Wire) -> None:
    first = await begin(wire)
    answer = await ask(wire, *ALL, session=(first, 0))
    assert told(answer) == [0, 1, 2]
    assert answer.session_id not in (0, first)
    answer = await ask(wire, session=(first, 1))
    assert answer.error_code.name == "fetch_session_id_not_found"


async def test_a_session_without_partitions_ends(wire: Wire) -> None:
    session = await begin(wire)
    answer = await ask(wire, session=(session, 1), forgotten=(("t", 0), ("t", 1), ("t", 2)))
    assert (answer.error_code.name, answer.session_id) == ("none", 0)
    answer = await ask(wire, session=(session, 2))
    assert answer.error_code.name == "fetch_session_id_not_found"


# --- without a broker ----------------------------------------------------------------------

ONE_PARTITION = [Wanted("t", 0, 0, 1000, -1)]


def opened(sessions: FetchSessions, now: int, node: int = 1) -> int:
    granted = sessions.open(node, (0, 0), ONE_PARTITION, [], False, now)
    assert granted.error is SessionError.NONE
    return 0 if granted.session is None else granted.session.session_id


def test_a_full_cache_pushes_out_what_nobody_has_used_for_long() -> None:
    sessions = FetchSessions(2)
    first, second = opened(sessions, 0), opened(sessions, 10)
    assert opened(sessions, EVICTION_MS) == 0
    assert sessions.open(1, (first, 1), [], [], False, EVICTION_MS).session is not None
    assert opened(sessions, EVICTION_MS + 10) == 0
    third = opened(sessions, EVICTION_MS + 11)
    assert third
    gone = sessions.open(1, (second, 1), [], [], False, EVICTION_MS + 12)
    assert gone.error is SessionError.FETCH_SESSION_ID_NOT_FOUND
    assert sessions.count(1) == 2


def test_a_session_that_is_used_stays() -> None:
    sessions = FetchSessions(1)
    number = opened(sessions, 0)
    assert sessions.open(1, (number, 1), [], [], False, EVICTION_MS).session is not None
    assert opened(sessions, EVICTION_MS + 1) == 0
    assert sessions.open(1, (number, 2), [], [], False, EVICTION_MS + 2).session is not None


def test_a_partition_that_comes_back_to_a_session_is_told() -> None:
    wanted = [Wanted("t", index, 0, 100, -1) for index in (0, 1)]
    sessions = FetchSessions(1)
    session = sessions.open(1, (0, 0), wanted, [], False, 0).session
    assert session is not None
    marks = Watermarks(5, 5, 0)
    assert session.told(("t", 0), marks, failed=False, records=False)
    session.update([], [("t", 0)])
    session.update(wanted[:1], [])
    assert session.told(("t", 0), marks, failed=False, records=False)  # a new CachedPartition


def test_each_broker_has_sessions_of_its_own() -> None:
    sessions = FetchSessions(1)
    first, second = opened(sessions, 0, node=1), opened(sessions, 0, node=2)
    assert 0 < first < second
    elsewhere = sessions.open(2, (first, 1), [], [], False, 0)
    assert elsewhere.error is SessionError.FETCH_SESSION_ID_NOT_FOUND
    sessions.forget(1)
    assert sessions.count(1) == 0
    assert sessions.open(2, (second, 1), [], [], False, 0).error is SessionError.NONE


def test_a_cache_without_slots_grants_no_session() -> None:
    assert opened(FetchSessions(0), 0) == 0


def test_the_partition_that_gave_records_is_read_last_the_next_time() -> None:
    sessions = FetchSessions(1)
    wanted = [Wanted("t", partition, 0, 1000, -1) for partition in range(3)]
    session = sessions.open(1, (0, 0), wanted, [], False, 0).session
    assert session is not None
    marks = (1, 1, 0)
    for partition in range(3):
        session.told(("t", partition), marks, failed=False, records=partition == 0)  # type: ignore[arg-type]
    again = sessions.open(1, (session.session_id, 1), [], [], False, 0)
    assert [each.partition for each in again.wanted] == [1, 2, 0]


def test_what_follows_a_diverging_epoch_is_told_even_if_nothing_has_changed() -> None:
    wanted = [Wanted("t", 0, 0, 100, -1)]
    session = FetchSessions(1).open(1, (0, 0), wanted, [], False, 0).session
    assert session is not None
    marks = Watermarks(5, 5, 0)
    told = [
        session.told(("t", 0), marks, failed=failed, records=False)
        for failed in (False, False, True, False, False)
    ]
    # Kafka: `CachedPartition.maybeUpdateResponseData` then forgets the high watermark.
    assert told == [True, False, True, True, False]


def test_epochs_begin_again_at_one() -> None:
    sessions = FetchSessions(1)
    session_id = opened(sessions, 0)
    session = sessions.open(1, (session_id, 1), [], [], False, 0).session
    assert session is not None
    session.epoch = (1 << 31) - 1
    assert sessions.open(1, (session_id, (1 << 31) - 1), [], [], False, 0).session is session
    assert session.epoch == 1


def test_partitions_of_all_sessions_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that gets no session names everything each time, as older ones do."""
    monkeypatch.setattr("simulator.listeners.kafka.fetch_sessions.MAX_PARTITIONS", 3)
    sessions = FetchSessions(10)
    two = [Wanted("t", partition, 0, 1000, -1) for partition in range(2)]
    first = sessions.open(1, (0, 0), two, [], False, 0).session
    assert first is not None
    assert sessions.open(1, (0, 0), two, [], False, 0).session is None
    assert opened(sessions, 0)
    assert sessions.open(1, (first.session_id, 1), two, [], False, 0).session is first
    more = [Wanted("t", 2, 0, 1000, -1)]
    refused = sessions.open(1, (first.session_id, 2), more, [], False, 0)
    assert refused.error is SessionError.FETCH_SESSION_ID_NOT_FOUND
    assert sessions.count(1) == 1
