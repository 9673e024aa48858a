"""What a request is about: the topics, partitions, groups and transactions that it names.

The APIs name them alike, so one walk over the codec's structures serves all: lists whose items are
topics hold lists whose items are partitions, lists of groups hold lists of topics, and a request
about one group or transaction has it in a field of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, NamedTuple
from uuid import UUID

from simulator.listeners.kafka.faults.structures import nested_class
from simulator.log.fault_rules import FaultRule

TopicName = Callable[[UUID], str | None]

_TOPICS: Final = """
    topics topic_data topic_names topic_partitions v3_and_below_topics
    responses topic_results results_by_topic_v3_and_below replica_election_results
"""
_PARTITIONS: Final = """
    partitions partition_data partition_indexes
    partition_responses results_by_partition partition_result
"""
TOPIC_LISTS: Final = frozenset(_TOPICS.split())
PARTITION_LISTS: Final = frozenset(_PARTITIONS.split())
GROUP_LISTS: Final = frozenset({"groups", "group_ids", "groups_names"})
TRANSACTION_LISTS: Final = frozenset(
    {"transactions", "transactional_ids", "results_by_transaction", "transaction_states"}
)
OTHER_LISTS: Final = frozenset({"coordinator_keys", "markers", "resources"})
LISTS: Final = TOPIC_LISTS | PARTITION_LISTS | GROUP_LISTS | TRANSACTION_LISTS | OTHER_LISTS
"""The names of lists in requests and, behind them, in responses."""

TOPIC_KEYS: Final = ("name", "topic", "topic_name")
PARTITION_KEYS: Final = ("partition_index", "partition", "index", "partition_id")

TOPIC_RESOURCE: Final = 2
GROUP_KEY, TRANSACTION_KEY = 0, 1


class Place(NamedTuple):
    """One thing that a request is about; None for what it does not say."""

    group: str | None = None
    transactional_id: str | None = None
    topic: str | None = None
    partition: int | None = None


def place_of(body: Any) -> Place:
    """What the request as a whole is about."""
    group = getattr(body, "group_id", None)
    transaction = getattr(body, "transactional_id", None)
    if transaction is None:  # AddPartitionsToTxn before version 4
        transaction = getattr(body, "v3_and_below_transactional_id", None)
    key = getattr(body, "key", None)  # FindCoordinator before version 4
    if key is not None:
        if getattr(body, "key_type", GROUP_KEY) == GROUP_KEY:
            group = key
        else:
            transaction = key
    return Place(group, transaction)


def can_name(cls: Any) -> frozenset[str]:
    """Which fields of `Place` a request of that class may fill, as `walk` finds them."""
    names = {field.name for field in fields(cls)}
    found = set(_listed(cls))
    if names & {"group_id", "key"}:
        found.add("group")
    if names & {"transactional_id", "v3_and_below_transactional_id", "key"}:
        found.add("transactional_id")
    return frozenset(found)


def _listed(cls: Any) -> Iterator[str]:
    """What the lists of a structure name, and those inside of them."""
    for field in fields(cls):
        name = field.name
        if name not in LISTS:
            continue
        if name in TOPIC_LISTS or name == "resources":
            yield "topic"
        elif name in PARTITION_LISTS:
            yield "partition"
        elif name in GROUP_LISTS:
            yield "group"
        elif name in TRANSACTION_LISTS:
            yield "transactional_id"
        elif name == "coordinator_keys":
            yield from ("group", "transactional_id")
        nested = nested_class(cls, name)
        if nested is not None:
            yield from _listed(nested)


def walk(body: Any, topic_name: TopicName) -> Iterator[tuple[Place, Any]]:
    """Every innermost place of a request, with the item that names it.

    A request that has no list of places, or an empty one, is its own only item.
    """
    yield from _walk(body, place_of(body), body, topic_name)


def keep(body: Any, wanted: Callable[[Place], bool], topic_name: TopicName) -> Any:
    """The request with only the places that are wanted; None where it has none of them."""
    return _keep(body, place_of(body), body, wanted, topic_name)


def matcher(rule: FaultRule) -> Callable[[Place], bool]:
    """Which places a rule is about."""

    def wanted(place: Place) -> bool:
        return (
            (rule.topic is None or place.topic == rule.topic)
            and (rule.partition is None or place.partition == rule.partition)
            and (rule.group is None or place.group == rule.group)
            and (rule.transactional_id is None or place.transactional_id == rule.transactional_id)
        )

    return wanted


def _walk(node: Any, place: Place, body: Any, topic_name: TopicName) -> Iterator[tuple[Place, Any]]:
    lists = _lists(node)
    if not lists:
        yield place, node
    for name, items in lists.items():
        for item in items:
            yield from _walk(item, _inner(place, name, item, body, topic_name), body, topic_name)


def _keep(
    node: Any, place: Place, body: Any, wanted: Callable[[Place], bool], topic_name: TopicName
) -> Any:
    lists = _lists(node)
    if not lists:
        return node if wanted(place) else None
    kept: dict[str, Any] = {}
    for name, items in lists.items():
        inner = (
            _keep(item, _inner(place, name, item, body, topic_name), body, wanted, topic_name)
            for item in items
        )
        kept[name] = tuple(item for item in inner if item is not None)
    if not any(kept.values()):
        return None
    return replace(node, **kept)


def _lists(node: Any) -> Mapping[str, tuple[Any, ...]]:
    """The lists of places that a structure has, without empty ones."""
    if not is_dataclass(node):
        return {}
    return {
        field.name: items
        for field in fields(node)
        if field.name in LISTS and (items := getattr(node, field.name))
    }


def _inner(place: Place, name: str, item: Any, body: Any, topic_name: TopicName) -> Place:
    """Where an item of the list `name` lies."""
    if name in TOPIC_LISTS:
        return place._replace(topic=topic_of(item, topic_name))
    if name in PARTITION_LISTS:
        return place._replace(partition=_key(item, PARTITION_KEYS))
    if name in GROUP_LISTS:
        return place._replace(group=_key(item, ("group_id",)))
    if name in TRANSACTION_LISTS:
        return place._replace(transactional_id=_key(item, ("transactional_id",)))
    if name == "coordinator_keys":
        kind = "group" if body.key_type == GROUP_KEY else "transactional_id"
        return place._replace(**{kind: item})
    if name == "resources" and item.resource_type == TOPIC_RESOURCE:
        return place._replace(topic=item.resource_name)
    return place


def topic_of(item: Any, topic_name: TopicName) -> str | None:
    """The topic that an item of a list of topics names, by its name or its id."""
    name = _key(item, TOPIC_KEYS)
    if name:
        return str(name)
    topic_id = getattr(item, "topic_id", None)
    return None if topic_id is None else topic_name(topic_id)


def _key(item: Any, keys: tuple[str, ...]) -> Any:
    if not is_dataclass(item):
        return item
    return next((value for key in keys if (value := getattr(item, key, None)) is not None), None)
