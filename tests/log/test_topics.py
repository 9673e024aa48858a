"""Topics: names, numbers of partitions, creating, deleting, describing."""

from __future__ import annotations

import pytest

from simulator.errors import SimulatorError
from simulator.log import (
    InvalidTopicName,
    InvalidTopicSetting,
    PartitionInfo,
    PartitionNotFound,
    Retention,
    TooManyPartitions,
    TopicExists,
    TopicLog,
    TopicNotFound,
)


@pytest.mark.parametrize("name", ["chat", "a", "A.b_c-9", "...", "a" * 249, "__consumer_offsets"])
def test_legal_names(name: str) -> None:
    log = TopicLog()
    log.create_topic(name)
    assert log.has_topic(name)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("", "empty"),
        (".", '"."'),
        ("..", '".."'),
        ("a" * 250, "250 characters, at most 249"),
        ("a b", "only ASCII letters"),
        ("grüße", "only ASCII letters"),
        ("a/b", "only ASCII letters"),
        ("chat\n", "only ASCII letters"),
    ],
)
def test_illegal_names(name: str, rule: str) -> None:
    log = TopicLog()
    with pytest.raises(InvalidTopicName, match=rule) as caught:
        log.create_topic(name)
    assert caught.value.topic == name
    assert log.topics() == []


@pytest.mark.parametrize("partitions", [0, -1, 10_001])
def test_number_of_partitions_is_bounded(partitions: int) -> None:
    log = TopicLog()
    with pytest.raises(InvalidTopicSetting, match=f"{partitions}: use 1 to 10000"):
        log.create_topic("chat", partitions)
    assert not log.has_topic("chat")


@pytest.mark.parametrize("limit", ["max_age_ms", "max_bytes", "max_records"])
@pytest.mark.parametrize("value", [0, -1])
def test_retention_limits_are_positive(limit: str, value: int) -> None:
    log = TopicLog()
    with pytest.raises(InvalidTopicSetting, match=limit):
        log.create_topic("chat", retention=Retention(**{limit: value}))


def test_describe() -> None:
    log = TopicLog()
    log.create_topic("chat", 2, Retention(max_records=2))
    for value in (b"a", b"bb", b"ccc"):
        log.append("chat", value, key=b"key", partition=1, timestamp=0, headers=(("h", b"12"),))
    described = log.topic("chat")
    assert described.name == "chat"
    assert described.retention == Retention(max_records=2)
    assert described.partitions == (PartitionInfo(0, 0, 0), PartitionInfo(1, 3, 6 + 6 + 5))
    assert log.topics() == [described]


def test_topics_are_listed_by_name() -> None:
    log = TopicLog()
    for name in ("b", "c", "a"):
        log.create_topic(name)
    assert [topic.name for topic in log.topics()] == ["a", "b", "c"]


def test_a_topic_exists_only_once() -> None:
    log = TopicLog()
    log.create_topic("chat")
    with pytest.raises(TopicExists, match="'chat' exists already"):
        log.create_topic("chat", 3)
    assert len(log.topic("chat").partitions) == 1


def test_deleting_forgets_records_and_committed_offsets() -> None:
    log = TopicLog()
    old = log.create_topic("chat").topic_id
    log.append("chat", b"old", timestamp=0)
    log.groups.commit("group", "chat", 0, 1)
    log.delete_topic("chat")
    assert not log.has_topic("chat")
    assert log.records_held == 0

    assert log.create_topic("chat").topic_id != old
    assert log.read("chat", 0, 0, max_records=10) == []
    assert log.groups.committed("group", "chat", 0) is None


def test_an_unknown_topic_names_the_nearest() -> None:
    log = TopicLog()
    log.create_topic("chat")
    log.create_topic("personalChat")
    with pytest.raises(TopicNotFound, match="did you mean 'personalChat'") as caught:
        log.append("personalchat", b"", timestamp=0)
    assert (caught.value.topic, caught.value.suggestion) == ("personalchat", "personalChat")
    assert isinstance(caught.value, SimulatorError)


@pytest.mark.parametrize(
    "use",
    [
        lambda log: log.topic("nope"),
        lambda log: log.delete_topic("nope"),
        lambda log: log.bounds("nope", 0),
        lambda log: log.read("nope", 0, 0, max_records=1),
        lambda log: log.offset_for_timestamp("nope", 0, 0),
        lambda log: log.cursor({("nope", 0): 0}),
        lambda log: log.delete_records("nope", 0, 0),
        lambda log: log.groups.commit("group", "nope", 0, 0),
    ],
)
def test_every_use_of_an_unknown_topic_is_an_error(use: object) -> None:
    log = TopicLog()
    with pytest.raises(TopicNotFound, match="'nope' does not exist; create it first"):
        use(log)  # type: ignore[operator]


@pytest.mark.parametrize("partition", [-1, 2])
@pytest.mark.parametrize(
    "use",
    [
        lambda log, p: log.append("chat", b"", timestamp=0, partition=p),
        lambda log, p: log.bounds("chat", p),
        lambda log, p: log.read("chat", p, 0, max_records=1),
        lambda log, p: log.cursor({("chat", p): 0}),
        lambda log, p: log.delete_records("chat", p, 0),
        lambda log, p: log.groups.commit("group", "chat", p, 0),
    ],
)
def test_every_use_of_an_unknown_partition_is_an_error(use: object, partition: int) -> None:
    log = TopicLog()
    log.create_topic("chat", 2)
    with pytest.raises(
        PartitionNotFound, match=f"no partition {partition}; it has partitions 0 to 1"
    ):
        use(log, partition)  # type: ignore[operator]
    assert log.end_position == 0


def test_partitions_in_all_are_counted_through_every_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("simulator.log.topics.MAX_ALL_PARTITIONS", 10)
    log = TopicLog()
    log.create_topic("kept", 2, permanent=True)
    before = log.snapshot()
    log.create_topic("a", 3)
    log.add_partitions("a", 8)
    with pytest.raises(TooManyPartitions, match="no room for topic 'b': there may be 10"):
        log.create_topic("b")
    with pytest.raises(TooManyPartitions):
        log.add_partitions("a", 9)
    log.delete_topic("a")
    log.create_topic("b", 8)
    log.restore(before)
    log.create_topic("c", 8)
    log.reset()
    log.create_topic("d", 8)
    with pytest.raises(TooManyPartitions):
        log.create_topic("e")
