"""Replicas, leaders and coordinators: the rules of Kafka's controller, without any broker."""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid4

import pytest

from simulator.log.placement import (
    NO_LEADER,
    CoordinatorKind,
    InvalidReplicas,
    Node,
    NodeStopped,
    NotAReplica,
    PartitionPlace,
    Placement,
    UnknownNode,
)

TOPIC = uuid4()


def cluster(*nodes: int, replication: int = 3, partitions: int = 1) -> Placement:
    placement = Placement([Node(node) for node in nodes], replication)
    placement.assign(TOPIC, partitions)
    return placement


def place(placement: Placement, partition: int = 0) -> PartitionPlace:
    return placement.places(TOPIC)[partition]


def test_leaders_are_spread_and_replicas_are_on_different_brokers() -> None:
    placement = cluster(1, 2, 3, 4, partitions=8)
    places = placement.places(TOPIC)
    assert Counter(each.leader for each in places) == {1: 2, 2: 2, 3: 2, 4: 2}
    for each in places:
        assert len(set(each.replicas)) == 3
        assert (each.leader, each.leader_epoch, each.isr) == (each.replicas[0], 0, each.replicas)


def test_there_are_no_more_replicas_than_brokers() -> None:
    assert place(cluster(7)).replicas == (7,)
    assert len(place(cluster(7, 9)).replicas) == 2


def test_replicas_are_on_different_racks() -> None:
    nodes = [Node(1, "a"), Node(2, "a"), Node(3, "b"), Node(4, "b")]
    placement = Placement(nodes, 2)
    placement.assign(TOPIC, 8)
    racks = {node.node_id: node.rack for node in nodes}
    for each in placement.places(TOPIC):
        assert {racks[node] for node in each.replicas} == {"a", "b"}


def test_what_is_created_while_no_broker_runs_is_led_by_the_first_that_comes() -> None:
    placement = Placement([Node(1), Node(2)], 2)
    for node in (1, 2):
        placement.stop(node)
    placement.assign(TOPIC, 1)
    assert place(placement).leader == NO_LEADER
    placement.start(place(placement).replicas[0])
    assert place(placement).leader == place(placement).replicas[0]


def test_without_brokers_nobody_is_elected() -> None:
    placement = Placement([Node(1)], 1)
    placement.stop(1)
    assert (placement.controller, placement.controller_epoch) == (NO_LEADER, 1)
    placement.start(1)
    assert (placement.controller, placement.controller_epoch) == (1, 2)


def test_what_is_created_while_a_broker_is_stopped_is_led_by_another() -> None:
    placement = Placement([Node(1), Node(2)], 2)
    placement.stop(1)
    placement.assign(TOPIC, 2)
    assert {each.leader for each in placement.places(TOPIC)} == {2}
    assert {each.isr for each in placement.places(TOPIC)} == {(2,)}


def test_a_stopped_leader_is_followed_by_the_next_replica_in_sync() -> None:
    placement = cluster(1, 2, 3)
    (moved,) = [each for each in placement.stop(1) if each.topic_id == TOPIC]
    assert moved.place == PartitionPlace(2, 1, (1, 2, 3), (2, 3))
    # A follower that goes leaves leader and epoch alone.
    placement.stop(3)
    assert place(placement) == PartitionPlace(2, 1, (1, 2, 3), (2,))


def test_the_last_one_in_sync_stays_so_and_leads_again() -> None:
    placement = cluster(1, 2)
    placement.stop(2)
    placement.stop(1)
    assert place(placement) == PartitionPlace(NO_LEADER, 1, (1, 2), (1,))
    placement.start(2)  # it has missed what came last
    assert place(placement) == PartitionPlace(NO_LEADER, 1, (1, 2), (1,))
    placement.start(1)
    assert place(placement) == PartitionPlace(1, 2, (1, 2), (1, 2))


def test_a_broker_that_comes_back_follows_until_it_is_elected() -> None:
    placement = cluster(1, 2, 3)
    placement.stop(1)
    placement.start(1)
    assert place(placement) == PartitionPlace(2, 1, (1, 2, 3), (2, 3, 1))
    assert not placement.balanced
    placement.elect_preferred(TOPIC, 0)
    assert place(placement) == PartitionPlace(1, 2, (1, 2, 3), (2, 3, 1))


def test_a_rebalance_gives_all_back() -> None:
    placement = cluster(1, 2, 3, partitions=6)
    placement.stop(1)
    placement.start(1)
    placement.rebalance()
    assert placement.balanced
    assert all(each.leader == each.replicas[0] for each in placement.places(TOPIC))


def test_an_unclean_election_takes_whom_it_finds() -> None:
    placement = cluster(1, 2)
    placement.stop(2)
    placement.stop(1)
    assert placement.elect_unclean(TOPIC, 0) == []
    placement.start(2)
    placement.elect_unclean(TOPIC, 0)
    assert place(placement) == PartitionPlace(2, 2, (1, 2), (2,))
    assert placement.elect_unclean(TOPIC, 0) == []  # there is a leader


def test_a_leader_is_moved_to_a_replica_that_runs() -> None:
    placement = cluster(1, 2, 3, 4)
    placement.move_leader(TOPIC, 0, 3)
    assert place(placement) == PartitionPlace(3, 1, (1, 2, 3), (1, 2, 3))
    assert placement.move_leader(TOPIC, 0, 3) == []
    with pytest.raises(NotAReplica, match=r"broker 4 .* brokers 1, 2, 3 do"):
        placement.move_leader(TOPIC, 0, 4)
    with pytest.raises(UnknownNode, match="no broker 5; the brokers are 1, 2, 3, 4"):
        placement.move_leader(TOPIC, 0, 5)
    with pytest.raises(UnknownNode, match="no broker '3'"):
        placement.move_leader(TOPIC, 0, "3")  # type: ignore[arg-type]
    placement.stop(1)
    with pytest.raises(NodeStopped, match="broker 1 is stopped"):
        placement.move_leader(TOPIC, 0, 1)


def test_replicas_move_at_once_where_all_run() -> None:
    placement = cluster(1, 2, 3, 4)
    placement.reassign(TOPIC, 0, (4, 1, 2))
    # The leader stays as long as it has a replica; the epoch grows since broker 3 has lost its own.
    assert place(placement) == PartitionPlace(1, 1, (4, 1, 2), (1, 2, 4))
    placement.reassign(TOPIC, 0, (3,))
    assert place(placement) == PartitionPlace(3, 2, (3,), (3,))
    assert list(placement.reassignments()) == []


@pytest.mark.parametrize("replicas", [(), (1, 1), (2, 1, 2)])
def test_replicas_that_cannot_be(replicas: tuple[int, ...]) -> None:
    placement = cluster(1, 2, 3)
    before = place(placement)
    with pytest.raises(InvalidReplicas, match="at least one broker, and each of them once"):
        placement.reassign(TOPIC, 0, replicas)
    assert place(placement) == before


def test_replicas_that_are_stopped_are_waited_for() -> None:
    placement = cluster(1, 2, 3, replication=2)
    placement.stop(3)
    placement.reassign(TOPIC, 0, (3, 1))
    assert place(placement) == PartitionPlace(1, 0, (3, 1, 2), (1, 2), (3,), (2,))
    assert [each.partition for each in placement.reassignments()] == [0]
    placement.start(3)
    assert place(placement) == PartitionPlace(1, 1, (3, 1), (1, 3))


def test_a_reassignment_that_waits_can_be_cancelled() -> None:
    placement = cluster(1, 2, 3, replication=2)
    placement.stop(3)
    placement.reassign(TOPIC, 0, (3,))
    placement.cancel_reassignment(TOPIC, 0)
    assert place(placement) == PartitionPlace(1, 0, (1, 2), (1, 2))
    assert list(placement.reassignments()) == []


@pytest.mark.parametrize(
    ("key", "partition"),
    # abs(key.hashCode()) % 50 as Java counts; "polygenelubricants" is Integer.MIN_VALUE, and Kafka
    # takes the sign off by a mask.
    [("", 0), ("g", 3), ("ab", 5), ("polygenelubricants", 0), ("\N{GRINNING FACE}", 49)],
)
def test_coordinators_are_spread_as_by_the_hash_of_a_java_string(key: str, partition: int) -> None:
    placement = Placement([Node(node) for node in range(50)], 1)
    assert placement.coordinator(CoordinatorKind.GROUP, key) == partition


def test_a_coordinator_goes_with_its_broker_and_stays_away_until_it_is_elected() -> None:
    placement = cluster(1, 2, 3)
    kind = CoordinatorKind.GROUP
    first = placement.coordinator(kind, "g")
    placement.stop(first)
    second = placement.coordinator(kind, "g")
    assert second not in (first, NO_LEADER)
    placement.start(first)
    assert placement.coordinator(kind, "g") == second
    placement.rebalance()
    assert placement.coordinator(kind, "g") == first


def test_a_coordinator_is_moved_alone() -> None:
    placement = cluster(1, 2, 3)
    kind = CoordinatorKind.GROUP
    before = {key: placement.coordinator(kind, key) for key in ("g", "h", "i")}
    other = before["g"] % 3 + 1
    placement.move_coordinator(kind, "g", other)
    assert placement.coordinator(kind, "g") == other
    assert placement.coordinator(CoordinatorKind.TRANSACTION, "g") == before["g"]
    assert all(placement.coordinator(kind, key) == before[key] for key in ("h", "i"))
    placement.stop(other)
    assert placement.coordinator(kind, "g") != other
    with pytest.raises(NodeStopped):
        placement.move_coordinator(kind, "g", other)


def test_nobody_coordinates_where_nobody_runs() -> None:
    placement = cluster(1)
    placement.stop(1)
    assert placement.coordinator(CoordinatorKind.GROUP, "g") == NO_LEADER
    assert placement.controller == NO_LEADER
    placement.start(1)
    assert placement.coordinator(CoordinatorKind.GROUP, "g") == 1


def test_the_controller_changes_only_when_it_must() -> None:
    placement = cluster(1, 2, 3)
    placement.stop(2)
    assert (placement.controller, placement.controller_epoch) == (1, 1)
    placement.stop(1)
    assert (placement.controller, placement.controller_epoch) == (3, 2)
    placement.start(1)
    assert (placement.controller, placement.controller_epoch) == (3, 2)


def test_places_of_deleted_topics_do_not_pile_up() -> None:
    placement = cluster(1)
    for number in range(5000):
        placement.assign(UUID(int=1000 + number), 1)
        placement.forget_others([TOPIC])
    assert placement.places(TOPIC)
    assert sum(bool(placement.places(UUID(int=1000 + n))) for n in range(5000)) <= 1010
