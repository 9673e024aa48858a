"""Which broker leads what: replicas, leaders, coordinators, and the controller of a cluster.

The rules are those of Kafka's controller (`ReplicationControlManager`, `PartitionChangeBuilder`):
a partition's leader is the first running one of its in-sync replicas, and keeps its place while it
runs; every change of the leader raises the leader epoch. All replicas of this cluster are one log,
so a broker that runs is in sync at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import zip_longest
from typing import Final, NamedTuple
from uuid import UUID

from simulator.log.errors import LogError

NO_LEADER: Final = -1

COORDINATOR_PARTITIONS: Final = 50
"""`offsets.topic.num.partitions`, which spreads groups over the brokers."""

COORDINATOR_TOPICS: Final = {"__consumer_offsets": UUID(int=0), "__transaction_state": UUID(int=1)}
"""The topics whose leaders are the coordinators: they have places before they have records."""

KEPT_PLACES: Final = 1000
"""Deleted topics whose places are kept: a snapshot may bring them back."""


class CoordinatorKind(IntEnum):
    """What a coordinator coordinates, as FindCoordinator numbers it."""

    GROUP = 0
    TRANSACTION = 1


class UnknownNode(LogError):
    """There is no broker of that id."""

    def __init__(self, node_id: int, known: Iterable[int]) -> None:
        self.node_id = node_id
        names = ", ".join(map(str, known))
        super().__init__(f"there is no broker {node_id!r}; the brokers are {names}")


class InvalidReplicas(LogError):
    """A partition has at least one replica, and each on a broker of its own."""

    def __init__(self, replicas: Sequence[int]) -> None:
        self.replicas = tuple(replicas)
        held = ", ".join(map(str, replicas)) or "none"
        super().__init__(f"replicas on {held}: name at least one broker, and each of them once")


class NodeStopped(LogError):
    """The broker does not run, so it can take nothing over."""

    def __init__(self, node_id: int) -> None:
        self.node_id = node_id
        super().__init__(f"broker {node_id} is stopped; start it first")


class NotAReplica(LogError):
    """A broker that holds no replica of a partition cannot lead it."""

    def __init__(self, node_id: int, replicas: Sequence[int]) -> None:
        self.node_id = node_id
        held = ", ".join(map(str, replicas))
        super().__init__(
            f"broker {node_id} holds no replica of the partition, brokers {held} do; "
            "give it one with move_replicas"
        )


class Node(NamedTuple):
    """A broker as the others know it."""

    node_id: int
    rack: str | None = None


class PartitionPlace(NamedTuple):
    """Where a partition is; `leader` is NO_LEADER while none of the in-sync replicas runs.

    `replicas` begins with the preferred leader. `adding` and `removing` are those of a reassignment
    that waits for a broker.
    """

    leader: int
    leader_epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    adding: tuple[int, ...] = ()
    removing: tuple[int, ...] = ()

    @property
    def preferred(self) -> int:
        """The broker that should lead when it can."""
        return self.replicas[0]


class Moved(NamedTuple):
    """A partition whose place has changed."""

    topic_id: UUID
    partition: int
    place: PartitionPlace


class Placement:
    """The places of all partitions and coordinators, and which brokers run.

    Each change is returned as a list of what has moved.
    """

    def __init__(self, nodes: Sequence[Node], replication: int) -> None:
        """`replication` is the number of replicas where nobody says otherwise.

        `controller` is the broker that clients send administration to, NO_LEADER when none runs;
        `changes` counts what the controllers' own log would hold.
        """
        self.nodes = {node.node_id: node for node in nodes}
        self.replication = min(replication, len(nodes))
        self.running = set(self.nodes)
        self.sole = len(nodes) == 1
        self.changes = 1
        self.controller = nodes[0].node_id
        self.controller_epoch = 1
        self._order = _by_racks(nodes)
        self._next = 0
        self._places: dict[UUID, list[PartitionPlace]] = {}
        self._coordinators: dict[tuple[CoordinatorKind, str], int] = {}
        self._origins: dict[tuple[UUID, int], tuple[int, ...]] = {}  # before reassignments
        for topic_id in COORDINATOR_TOPICS.values():
            self._next = 0
            self.assign(topic_id, COORDINATOR_PARTITIONS)
        self._next = 0

    # Partitions

    def places(self, topic_id: UUID) -> Sequence[PartitionPlace]:
        """The partitions of a topic that have a place, by number."""
        return self._places.get(topic_id, ())

    def assign(self, topic_id: UUID, partitions: int, replication: int | None = None) -> None:
        """Give the partitions of a topic replicas, round the brokers, up to that number of them."""
        places = self._places.setdefault(topic_id, [])
        wanted = self.replication if replication is None else replication
        while len(places) < partitions:
            order = self._order[self._next :] + self._order[: self._next]
            order.sort(key=lambda node: node not in self.running)  # those that run come first
            places.append(self._new_place(tuple(order[:wanted])))
            self._next = (self._next + 1) % len(self._order)

    def assign_to(self, topic_id: UUID, replicas: Iterable[Sequence[int]]) -> None:
        """Give further partitions of a topic these replicas."""
        self._places.setdefault(topic_id, []).extend(
            self._new_place(tuple(nodes)) for nodes in replicas
        )

    def forget_others(self, topic_ids: Iterable[UUID]) -> None:
        """Forget the places of other topics than these once there are many of them."""
        known = {*topic_ids, *COORDINATOR_TOPICS.values()}
        if len(self._places) > 2 * len(known) + KEPT_PLACES:
            self._places = {i: places for i, places in self._places.items() if i in known}
            self._origins = {key: found for key, found in self._origins.items() if key[0] in known}

    def _new_place(self, replicas: tuple[int, ...]) -> PartitionPlace:
        isr = tuple(node for node in replicas if node in self.running)
        return PartitionPlace(isr[0] if isr else NO_LEADER, 0, replicas, isr or replicas[:1])

    # Brokers

    def check(self, node_id: int) -> None:
        """Raise UnknownNode where there is no such broker."""
        if node_id not in self.nodes:
            raise UnknownNode(node_id, self.nodes)

    def stop(self, node_id: int) -> list[Moved]:
        """Let a broker go: others take over what it leads. Does nothing if it is stopped."""
        self.check(node_id)
        self.running.discard(node_id)
        self._coordinators = {k: node for k, node in self._coordinators.items() if node != node_id}
        if self.controller == node_id:
            self._elect_controller()
        return self._change(self._settled)

    def start(self, node_id: int) -> list[Moved]:
        """Bring a broker back; it leads only what nobody else could lead meanwhile."""
        self.check(node_id)
        self.running.add(node_id)
        if self.controller == NO_LEADER:
            self._elect_controller()
        return self._change(self._settled)

    def _elect_controller(self) -> None:
        self.controller = next((node for node in self.nodes if node in self.running), NO_LEADER)
        self.controller_epoch += self.controller != NO_LEADER

    # Leaders

    def move_leader(self, topic_id: UUID, partition: int, to: int) -> list[Moved]:
        """Make a replica the leader; raises UnknownNode, NotAReplica or NodeStopped."""
        place = self._places[topic_id][partition]
        self.check(to)
        if to not in place.replicas:
            raise NotAReplica(to, place.replicas)
        if to not in self.running:
            raise NodeStopped(to)
        isr = place.isr if to in place.isr else (*place.isr, to)
        return self._put(topic_id, partition, _led(place._replace(isr=isr), to))

    def elect_preferred(self, topic_id: UUID, partition: int) -> list[Moved]:
        """Make the first replica the leader; nothing happens where it is or does not run."""
        place = self._places[topic_id][partition]
        return self._put(topic_id, partition, self._preferred(place))

    def elect_unclean(self, topic_id: UUID, partition: int) -> list[Moved]:
        """Give a partition without a leader one that was not in sync, if any replica runs."""
        place = self._places[topic_id][partition]
        node = next((node for node in place.replicas if node in self.running), NO_LEADER)
        if place.leader == NO_LEADER and node != NO_LEADER:
            place = self._settled(_led(place._replace(isr=(node,)), node))
        return self._put(topic_id, partition, place)

    def rebalance(self) -> list[Moved]:
        """Give all partitions back to their preferred leaders, where those can lead."""
        return self._change(self._preferred)

    @property
    def balanced(self) -> bool:
        """Whether a rebalance would change nothing."""
        return all(
            self._preferred(place) is place for places in self._places.values() for place in places
        )

    def _preferred(self, place: PartitionPlace) -> PartitionPlace:
        node = place.preferred
        able = node in self.running and node in place.isr
        return _led(place, node) if able and node != place.leader else place

    # Reassignment

    def reassign(self, topic_id: UUID, partition: int, replicas: Sequence[int]) -> list[Moved]:
        """Give a partition other replicas; it is done once all of them run (KIP-455).

        Raises UnknownNode or InvalidReplicas.
        """
        for node in replicas:
            self.check(node)
        if not replicas or len(set(replicas)) < len(replicas):
            raise InvalidReplicas(replicas)
        place = self._places[topic_id][partition]
        before = [node for node in place.replicas if node not in place.adding]
        self._origins.setdefault((topic_id, partition), tuple(before))
        place = place._replace(
            replicas=(*replicas, *(node for node in before if node not in replicas)),
            isr=tuple(node for node in place.isr if node in before or node in replicas),
            adding=tuple(node for node in replicas if node not in before),
            removing=tuple(node for node in before if node not in replicas),
        )
        return self._put(topic_id, partition, self._settled(place))

    def cancel_reassignment(self, topic_id: UUID, partition: int) -> list[Moved]:
        """Go back to the replicas from before; the leader stays where it can."""
        place = self._places[topic_id][partition]
        before = tuple(node for node in place.replicas if node not in place.adding)
        isr = tuple(node for node in place.isr if node in before)
        place = place._replace(replicas=before, isr=isr or before[:1], adding=(), removing=())
        return self._put(topic_id, partition, self._settled(place))

    def reassignments(self) -> Iterator[Moved]:
        """The partitions whose reassignment waits for a broker."""
        for topic_id, places in self._places.items():
            for partition, place in enumerate(places):
                if place.adding or place.removing:
                    yield Moved(topic_id, partition, place)

    # Coordinators

    def coordinator(self, kind: CoordinatorKind, key: str) -> int:
        """The broker that coordinates a group or transactional id; NO_LEADER if none runs."""
        moved = self._coordinators.get((kind, key))
        if moved is not None:
            return moved
        places = self._places[UUID(int=kind)]
        return places[coordinator_partition(key)].leader

    def move_coordinator(self, kind: CoordinatorKind, key: str, to: int) -> None:
        """Make another broker the coordinator of one key, as long as it runs.

        Raises UnknownNode or NodeStopped.
        """
        self.check(to)
        if to not in self.running:
            raise NodeStopped(to)
        self._coordinators[kind, key] = to

    # Changes

    def restore(self) -> list[Moved]:
        """Put replicas, coordinators and the controller back where they were at first.

        For what waits for a broker, call this again once all of them run.
        """
        self._coordinators.clear()
        first = next(iter(self.nodes))
        if self.controller != first and first in self.running:
            self._elect_controller()
        return [
            moved
            for (topic_id, partition), replicas in self._origins.items()
            for moved in self.reassign(topic_id, partition, replicas)
        ]

    def _settled(self, place: PartitionPlace) -> PartitionPlace:
        """The place as it becomes by itself with the brokers that run now."""
        isr = tuple(node for node in place.isr if node in self.running)
        if not isr:  # the last one in sync stays so: nobody else has all records
            return _led(place._replace(isr=place.isr[:1]), NO_LEADER)
        isr += tuple(n for n in place.replicas if n in self.running and n not in isr)
        place = place._replace(isr=isr)
        epoch = place.leader_epoch
        if (place.adding or place.removing) and set(place.adding) <= set(isr):
            stay = tuple(node for node in isr if node not in place.removing)
            if stay:
                target = tuple(node for node in place.replicas if node not in place.removing)
                epoch += bool(place.removing)
                place = place._replace(replicas=target, isr=stay, adding=(), removing=())
        leader = place.leader
        if leader not in place.isr or leader not in self.running:
            leader = next((n for n in place.replicas if n in place.isr), NO_LEADER)
        changed = _led(place, leader)
        return changed._replace(leader_epoch=max(changed.leader_epoch, epoch))

    def _change(self, rule: Callable[[PartitionPlace], PartitionPlace]) -> list[Moved]:
        """Apply a rule to every partition."""
        return [
            moved
            for topic_id, places in self._places.items()
            for partition, place in enumerate(places)
            for moved in self._put(topic_id, partition, rule(place))
        ]

    def _put(self, topic_id: UUID, partition: int, place: PartitionPlace) -> list[Moved]:
        places = self._places[topic_id]
        if places[partition] == place:
            return []
        places[partition] = place
        self.changes += 1
        return [Moved(topic_id, partition, place)]


def _led(place: PartitionPlace, leader: int) -> PartitionPlace:
    if leader == place.leader:
        return place
    return place._replace(leader=leader, leader_epoch=place.leader_epoch + 1)


def _by_racks(nodes: Sequence[Node]) -> list[int]:
    """The brokers in an order in which neighbours are on different racks, where that can be."""
    racks: dict[str | None, list[int]] = {}
    for node in nodes:
        racks.setdefault(node.rack, []).append(node.node_id)
    return [node for row in zip_longest(*racks.values()) for node in row if node is not None]


def coordinator_partition(key: str) -> int:
    """The partition that Kafka's coordinators keep a key in: the hash of a Java string."""
    data = key.encode("utf-16-be", "surrogatepass")
    value = 0
    for at in range(0, len(data), 2):
        value = (31 * value + int.from_bytes(data[at : at + 2], "big")) & 0xFFFFFFFF
    return (value & 0x7FFFFFFF) % COORDINATOR_PARTITIONS
