"""Answers that say an error, for any API in any version, built from what the request asks.

- A response with an error code of its own, such as Heartbeat's, has it there.
- One whose lists have the codes, such as Produce's, has an item for each topic, partition, group or
  other thing that the request names.
- Where a response has both, a code about a topic, a partition or a member goes to the items, and
  every other one to the response, whose lists are then empty. Fetch has all but the codes about
  its session in its partitions.
- Everything else is what Kafka puts beside an error: -1 for numbers, nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.faults.places import (
    PARTITION_KEYS,
    PARTITION_LISTS,
    TOPIC_KEYS,
    TOPIC_LISTS,
    TopicName,
    topic_of,
)
from simulator.listeners.kafka.faults.structures import (
    code_fields,
    is_list,
    is_optional,
    lists_with_codes,
    nested_class,
)
from simulator.listeners.kafka.messages import NO_TIME

ITEM_CODES: Final = frozenset(
    {
        ErrorCode.offset_out_of_range,
        ErrorCode.corrupt_message,
        ErrorCode.unknown_topic_or_partition,
        ErrorCode.unknown_topic_id,
        ErrorCode.inconsistent_topic_id,
        ErrorCode.invalid_topic_exception,
        ErrorCode.topic_authorization_failed,
        ErrorCode.leader_not_available,
        ErrorCode.not_leader_or_follower,
        ErrorCode.fenced_leader_epoch,
        ErrorCode.unknown_leader_epoch,
        ErrorCode.unstable_offset_commit,
        ErrorCode.group_subscribed_to_topic,
        ErrorCode.election_not_needed,
        ErrorCode.preferred_leader_not_available,
        ErrorCode.eligible_leaders_not_available,
        ErrorCode.operation_not_attempted,
        ErrorCode.no_reassignment_in_progress,
        ErrorCode.resource_not_found,
        ErrorCode.unknown_member_id,
        ErrorCode.fenced_instance_id,
    }
)
"""Codes that Kafka gives to one of several items where it can."""

SESSION_CODES: Final = frozenset(
    {
        ErrorCode.fetch_session_id_not_found,
        ErrorCode.invalid_fetch_session_epoch,
        ErrorCode.fetch_session_topic_id_error,
        ErrorCode.inconsistent_cluster_id,
    }
)

MESSAGE: Final = "a fault answers so"
_ITEM_KEYS: Final = frozenset({*TOPIC_KEYS, *PARTITION_KEYS})


def error_answer(response: Any, request: Any, code: ErrorCode) -> Any:
    """The `response` to a request that failed with `code` for everything that it names."""
    return _build(response, request, code)


def with_error(answer: Any, code: ErrorCode, topic: str | None, topic_name: TopicName) -> Any:
    """An answer that has the code instead of its success: for its topics, or only for one.

    For APIs whose answers say more than can be known from the request (Metadata, ApiVersions).
    """
    for field in fields(answer):
        if field.name not in TOPIC_LISTS:
            continue
        topics = tuple(
            _failed_topic(item, code)
            if topic is None or topic_of(item, topic_name) == topic
            else item
            for item in getattr(answer, field.name)
        )
        return replace(answer, **{field.name: topics})
    return replace(answer, error_code=code)


def _failed_topic(item: Any, code: ErrorCode) -> Any:
    return replace(item, error_code=code, partitions=())


def merged(answer: Any, failed: Any, topic_name: TopicName) -> Any:
    """An answer with the items of another one, which count where both have them."""
    cls: Any = type(answer)
    values = {}
    for field in fields(answer):
        mine, theirs = getattr(answer, field.name), getattr(failed, field.name)
        if isinstance(mine, tuple) and theirs and nested_class(cls, field.name):
            values[field.name] = tuple(_joined(mine, theirs, topic_name))
    return replace(answer, **values)


def _joined(mine: tuple[Any, ...], theirs: tuple[Any, ...], topic_name: TopicName) -> Iterator[Any]:
    """The items of both; of two about the same topic or group one with the lists of both."""
    others = {_identity(item, topic_name): item for item in theirs}
    for item in mine:
        other = others.pop(_identity(item, topic_name), None)
        cls: Any = type(item)
        if other is None:
            yield item
        elif lists_with_codes(cls):
            yield merged(item, other, topic_name)
        else:
            yield other
    yield from others.values()


def _identity(item: Any, topic_name: TopicName) -> object:
    if hasattr(item, "topic_id"):
        return topic_of(item, topic_name)
    named = (
        getattr(item, field.name)
        for field in fields(item)
        if field.name in _ITEM_KEYS or field.name.endswith("_id") or field.name == "key"
    )
    return tuple(named)


def _build(cls: Any, source: Any, code: ErrorCode) -> Any:
    own = code_fields(cls)
    items = {
        name: _items(nested, source, name, code)
        for name in lists_with_codes(cls)
        if (nested := nested_class(cls, name)) is not None
    }
    if own and not (any(items.values()) and _belongs_to_items(cls, code)):
        items = dict.fromkeys(items, ())
        mine = code
    else:
        mine = ErrorCode.none
    values: dict[str, Any] = {}
    for field in fields(cls):
        if field.name in own:
            values[field.name] = mine
        elif field.name in items:
            values[field.name] = items[field.name]
        elif field.name == "error_message" and mine is ErrorCode.none:
            values[field.name] = None if is_optional(cls, field.name) else ""
        else:
            values[field.name] = _beside(cls, field, source, code)
    return cls(**values)


def _beside(cls: Any, field: Field[Any], source: Any, code: ErrorCode) -> Any:
    """The value of a field that has no code, neither itself nor in its items."""
    nested = nested_class(cls, field.name)
    if nested is not None:
        given = getattr(source, field.name, None)
        if is_list(cls, field.name):
            parts = given if isinstance(given, tuple) else ()
            return tuple(_build(nested, part, code) for part in parts)
        if field.default is MISSING and not is_optional(cls, field.name):
            return _build(nested, given, code)
    return _value(cls, field, source)


def _belongs_to_items(cls: Any, code: ErrorCode) -> bool:
    if cls.__name__ == "FetchResponse":
        return code not in SESSION_CODES
    return code in ITEM_CODES


def _items(nested: Any, source: Any, name: str, code: ErrorCode) -> tuple[Any, ...]:
    """An item for each of those that the request has in the list that corresponds."""
    return tuple(
        _build(nested, item, code) if is_dataclass(item) else _named(nested, item, code)
        for item in _corresponding(source, name)
    )


def _corresponding(source: Any, name: str) -> tuple[Any, ...]:
    """What the request lists; of several lists the one of the same name or kind, else all."""
    lists: dict[str, tuple[Any, ...]] = {
        field.name: value
        for field in (fields(source) if source is not None else ())
        if isinstance(value := getattr(source, field.name), tuple)
    }
    if name in lists:
        return lists[name]
    for kind in (TOPIC_LISTS, PARTITION_LISTS):
        of_kind = [value for each, value in lists.items() if each in kind and value]
        if of_kind:
            return of_kind[0]
    return tuple(item for each, value in lists.items() for item in value if each != "configs")


def _named(cls: Any, name: Any, code: ErrorCode) -> Any:
    """An item about what the request names by a text or number alone."""
    values = {}
    own = code_fields(cls)
    missing = True
    for field in fields(cls):
        if field.name in own:
            values[field.name] = code
        elif missing and _takes(cls, field, name):
            values[field.name] = name
            missing = False
        else:
            values[field.name] = _beside(cls, field, None, code)
    return cls(**values)


def _takes(cls: Any, field: Field[Any], name: Any) -> bool:
    if field.name == "error_message":
        return False
    kind = "string" if isinstance(name, str) else "int32"
    return field.metadata.get("kafka_type") == kind


def _value(cls: Any, field: Field[Any], source: Any) -> Any:
    """What stands beside an error: what the request said under the name, or nothing."""
    if field.name == "error_message":
        return MESSAGE
    if field.name == "throttle_time":
        return NO_TIME
    for name in _also_called(field.name):
        value = getattr(source, name, None)
        if value is not None and not isinstance(value, tuple):
            return value
    if field.default is not MISSING:
        return field.default
    if is_optional(cls, field.name):
        return None
    if is_list(cls, field.name):
        return ()
    return _nothing(field.metadata.get("kafka_type"))


def _also_called(name: str) -> tuple[str, ...]:
    for keys in (TOPIC_KEYS, PARTITION_KEYS):
        if name in keys:
            return (name, *keys)
    return (name,)


def _nothing(kafka_type: str | None) -> Any:
    if kafka_type == "string":
        return ""
    if kafka_type in ("bytes", "records"):
        return b""
    if kafka_type == "bool":
        return False
    if kafka_type == "uuid":
        return None
    if kafka_type is not None and kafka_type.startswith("datetime"):
        return datetime.fromtimestamp(0, UTC)
    if kafka_type is not None and kafka_type.startswith("timedelta"):
        return NO_TIME
    return -1
