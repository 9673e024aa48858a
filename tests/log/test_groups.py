"""Groups: committed offsets and the sharing of partitions."""

from __future__ import annotations

import pytest

from simulator.log import InvalidGroup, OffsetOutOfRange, TopicLog


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("a", 3)
    log.create_topic("b")
    for _ in range(5):
        log.append("a", b"", partition=1, timestamp=0)
    return log


def test_commits_are_kept_by_group_and_partition(log: TopicLog) -> None:
    groups = log.groups
    assert groups.committed("g", "a", 1) is None
    groups.commit("g", "a", 1, 3)
    groups.commit("g", "b", 0, 0)
    groups.commit("other", "a", 1, 5)
    assert groups.committed("g", "a", 1) == 3
    assert groups.committed("g", "a", 0) is None
    assert groups.offsets("g") == {("a", 1): 3, ("b", 0): 0}
    assert groups.names() == ["g", "other"]
    groups.commit("g", "a", 1, 2)
    assert groups.committed("g", "a", 1) == 2
    groups.delete("g")
    groups.delete("g")
    assert groups.offsets("g") == {}
    assert groups.committed("other", "a", 1) == 5


@pytest.mark.parametrize("offset", [-1, 6])
def test_commits_lie_within_the_partition(log: TopicLog, offset: int) -> None:
    with pytest.raises(OffsetOutOfRange, match=r"use 0 .* to 5"):
        log.groups.commit("g", "a", 1, offset)
    assert log.groups.committed("g", "a", 1) is None


def test_a_commit_may_lie_before_the_first_record_kept(log: TopicLog) -> None:
    log.delete_records("a", 1, 4)
    log.groups.commit("g", "a", 1, 2)
    assert log.groups.committed("g", "a", 1) == 2


@pytest.mark.parametrize("group", ["", "x" * 256])
def test_group_names_are_checked(log: TopicLog, group: str) -> None:
    with pytest.raises(InvalidGroup):
        log.groups.commit(group, "a", 0, 0)
    with pytest.raises(InvalidGroup):
        log.groups.join(group, "m", [("a", 0)])


A = [("a", 0), ("a", 1), ("a", 2)]
ALL = [*A, ("b", 0)]


@pytest.mark.parametrize(
    ("wanted", "shares"),
    [
        ({"m": ALL}, {"m": ALL}),
        ({"m": ALL, "n": ALL}, {"m": A[:2], "n": [("a", 2), ("b", 0)]}),
        ({"n": A, "m": A}, {"m": A[:2], "n": A[2:]}),
        (
            {"k": ALL, "m": ALL, "n": ALL, "o": ALL, "p": ALL},
            {"k": A[:1], "m": A[1:2], "n": A[2:], "o": [("b", 0)], "p": []},
        ),
        ({"m": A, "n": [("b", 0)]}, {"m": A, "n": [("b", 0)]}),
        ({"m": A, "n": ALL}, {"m": A[:2], "n": [("a", 2), ("b", 0)]}),
    ],
)
def test_members_share_the_partitions(
    log: TopicLog,
    wanted: dict[str, list[tuple[str, int]]],
    shares: dict[str, list[tuple[str, int]]],
) -> None:
    for member, partitions in wanted.items():
        log.groups.join("g", member, partitions)
    assert {m: list(log.groups.share("g", m).partitions) for m in wanted} == shares
    assert log.groups.members("g") == sorted(wanted)


def test_the_generation_tells_that_the_shares_changed(log: TopicLog) -> None:
    groups = log.groups
    assert groups.generation("g") == 0
    first = groups.join("g", "m", A)
    assert first.generation == groups.generation("g")
    assert groups.join("g", "m", A) == first
    second = groups.join("g", "n", A)
    assert second.generation != first.generation
    assert groups.share("g", "m") == (second.generation, tuple(A[:2]))
    groups.leave("g", "stranger")
    assert groups.generation("g") == second.generation
    groups.leave("g", "m")
    assert groups.share("g", "n").partitions == tuple(A)
    assert groups.generation("g") != second.generation
    assert groups.join("g", "n", A[:1]).partitions == tuple(A[:1])
    groups.leave("g", "n")
    assert groups.members("g") == []
    with pytest.raises(InvalidGroup, match="'n' is not a member; join first"):
        groups.share("g", "n")


def test_members_that_wait_are_woken_when_shares_change(log: TopicLog) -> None:
    woken: list[str] = []
    log.wait(lambda: woken.append("joined"), ["b"])
    log.groups.join("g", "m", A)
    log.wait(lambda: woken.append("left"), ["b"])
    log.groups.leave("g", "m")
    assert woken == ["joined", "left"]


def test_reset_forgets_offsets_and_keeps_members(log: TopicLog) -> None:
    log.groups.commit("g", "a", 1, 3)
    share = log.groups.join("g", "m", A)
    log.reset()
    assert log.groups.offsets("g") == {}
    assert log.groups.share("g", "m") == share


def test_offsets_belong_to_snapshots(log: TopicLog) -> None:
    groups = log.groups
    groups.commit("g", "a", 1, 3)
    first = log.snapshot()
    groups.commit("g", "a", 1, 4)
    groups.commit("new", "a", 1, 1)
    second = log.snapshot()
    groups.delete("g")
    log.delete_topic("a")
    log.restore(first)
    assert {name: groups.offsets(name) for name in groups.names()} == {"g": {("a", 1): 3}}
    groups.commit("g", "a", 1, 5)
    log.restore(second)
    assert groups.offsets("g") == {("a", 1): 4}
    assert groups.offsets("new") == {("a", 1): 1}
    log.restore(first)
    assert groups.offsets("g") == {("a", 1): 3}
