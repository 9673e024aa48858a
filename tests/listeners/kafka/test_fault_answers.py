"""An error can be answered to every version of every API, in the places where Kafka has it."""

from __future__ import annotations

import io
import json
import pkgutil
import re
import uuid
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from kafka_wire import payload_of
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType

from simulator.listeners.kafka.faults.answers import error_answer
from simulator.listeners.kafka.faults.places import keep, walk
from simulator.listeners.kafka.faults.structures import is_list, nested_class
from simulator.listeners.kafka.request_log import Entry
from simulator.listeners.kafka.request_view import KafkaRequest, Viewer
from simulator.log.kafka_names import APIS

SAMPLES = {
    "string": "x",
    "bytes": b"y",
    "records": b"z",
    "bool": False,
    "uuid": uuid.UUID(int=5),
    "error_code": ErrorCode.none,
    "float64": 1.0,
}


def sample(cls: Any) -> Any:
    """A structure that names one of everything."""
    values: dict[str, Any] = {}
    for field in fields(cls):
        kind = str(field.metadata.get("kafka_type"))
        nested = nested_class(cls, field.name)
        value: Any = 3
        if nested is not None:
            value = sample(nested)
        elif kind.startswith("timedelta"):
            value = timedelta(seconds=1)
        elif kind.startswith("datetime"):
            value = datetime(2026, 1, 1, tzinfo=UTC)
        else:
            value = SAMPLES.get(kind, 3)
        values[field.name] = (value,) if is_list(cls, field.name) else value
    return cls(**values)


def bare(node: Any) -> Any:
    """The same without anything in its lists."""
    lists = [field.name for field in fields(node) if isinstance(getattr(node, field.name), tuple)]
    return replace(node, **dict.fromkeys(lists, ()))


def module_of(api: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", api).lower()


def versions(api: str) -> list[int]:
    package = import_module(f"kio.schema.{module_of(api)}")
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(int(name[1:]) for name in names if name[1:].isdigit())


def classes(api: str, version: int) -> tuple[Any, Any]:
    base = f"kio.schema.{module_of(api)}.v{version}"
    return (
        payload_of(import_module(f"{base}.request"), EntityType.request),
        payload_of(import_module(f"{base}.response"), EntityType.response),
    )


def codes(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where a response has error codes, and which."""
    for field in fields(node):
        value = getattr(node, field.name)
        where = f"{path}.{field.name}".lstrip(".")
        if field.metadata.get("kafka_type") == "error_code":
            if value is not ErrorCode.none:
                yield where, value.name
        elif is_dataclass(value):
            yield from codes(value, where)
        elif isinstance(value, tuple):
            for part in value:
                if is_dataclass(part):
                    yield from codes(part, where)


@pytest.mark.parametrize("api", sorted(APIS))
def test_every_version_can_say_an_error(api: str) -> None:
    for version in versions(api):
        request, response = classes(api, version)
        for code in (ErrorCode.not_coordinator, ErrorCode.unknown_topic_or_partition):
            answer = error_answer(response, sample(request), code)
            buffer = io.BytesIO()
            entity_writer(response)(buffer, answer)
            data = buffer.getvalue()
            again, size = entity_reader(response)(data, 0)
            assert size == len(data)
            assert {name for _, name in codes(again)} == {code.name}, version


@pytest.mark.parametrize(
    ("api", "version", "code", "where"),
    [
        ("Produce", 9, "not_enough_replicas", "responses.partition_responses.error_code"),
        ("Fetch", 12, "not_leader_or_follower", "responses.partitions.error_code"),
        ("Fetch", 12, "kafka_storage_error", "responses.partitions.error_code"),
        ("Fetch", 12, "fetch_session_id_not_found", "error_code"),
        ("ListOffsets", 7, "not_leader_or_follower", "topics.partitions.error_code"),
        ("OffsetCommit", 8, "rebalance_in_progress", "topics.partitions.error_code"),
        ("OffsetFetch", 1, "not_coordinator", "topics.partitions.error_code"),
        ("OffsetFetch", 5, "not_coordinator", "error_code"),
        ("OffsetFetch", 8, "not_coordinator", "groups.error_code"),
        ("OffsetFetch", 8, "unstable_offset_commit", "groups.topics.partitions.error_code"),
        ("FindCoordinator", 3, "coordinator_not_available", "error_code"),
        ("FindCoordinator", 4, "coordinator_not_available", "coordinators.error_code"),
        ("JoinGroup", 9, "group_max_size_reached", "error_code"),
        ("LeaveGroup", 5, "not_coordinator", "error_code"),
        ("LeaveGroup", 5, "unknown_member_id", "members.error_code"),
        ("DescribeGroups", 5, "not_coordinator", "groups.error_code"),
        ("CreateTopics", 7, "not_controller", "topics.error_code"),
        ("DeleteTopics", 6, "topic_deletion_disabled", "responses.error_code"),
        (
            "AddPartitionsToTxn",
            3,
            "concurrent_transactions",
            "results_by_topic_v3_and_below.results_by_partition.partition_error_code",
        ),
        ("AddPartitionsToTxn", 4, "cluster_authorization_failed", "error_code"),
        ("EndTxn", 3, "producer_fenced", "error_code"),
        ("TxnOffsetCommit", 3, "illegal_generation", "topics.partitions.error_code"),
        (
            "ElectLeaders",
            2,
            "election_not_needed",
            "replica_election_results.partition_result.error_code",
        ),
        ("ConsumerGroupHeartbeat", 0, "fenced_member_epoch", "error_code"),
    ],
)
def test_place_of_the_code(api: str, version: int, code: str, where: str) -> None:
    """As in the schemas of Kafka's messages, and the places that `getErrorResponse` fills."""
    request, response = classes(api, version)
    answer = error_answer(response, sample(request), ErrorCode[code])
    assert list(codes(answer)) == [(where, code)]


def test_transactional_id_is_found_in_every_version() -> None:
    for api in ("AddPartitionsToTxn", "AddOffsetsToTxn", "EndTxn", "TxnOffsetCommit", "Produce"):
        for version in versions(api):
            body = sample(classes(api, version)[0])
            found = {place.transactional_id for place, _ in walk(body, lambda _: "t")}
            assert found == {"x"}, (api, version)


@pytest.mark.parametrize("api", sorted(APIS))
def test_every_request_can_be_matched_and_told(api: str) -> None:
    def view(body: Any, answer: Any) -> KafkaRequest:
        entry = Entry(1, module_of(api), 0, "c", "h", 1, 1.0, 2.0, None, body, answer)
        return Viewer(lambda _: "t", lambda seconds: seconds).view(entry)

    for version in versions(api):
        request, response = classes(api, version)
        body, answer = sample(request), sample(response)
        for asked in (body, bare(body)):
            places = [place for place, _ in walk(asked, lambda _: "t")]
            assert keep(asked, lambda _: True, lambda _: "t") == asked
            assert keep(asked, lambda _: False, lambda _: "t") is None
            assert places
            assert view(asked, answer).answered
            assert json.dumps(dict(view(asked, bare(answer)).response))
            assert json.dumps(dict(view(asked, None).request))


def test_items_name_what_was_asked_for() -> None:
    request, response = classes("Produce", 9)
    answer = error_answer(response, sample(request), ErrorCode.not_enough_replicas)
    (topic,) = answer.responses
    (partition,) = topic.partition_responses
    assert (topic.name, partition.index) == ("x", 3)
    assert (partition.base_offset, partition.log_start_offset) == (-1, -1)
    request, response = classes("OffsetFetch", 8)
    answer = error_answer(response, sample(request), ErrorCode.unstable_offset_commit)
    (group,) = answer.groups
    assert (group.group_id, group.topics[0].name) == ("x", "x")
    (partition,) = group.topics[0].partitions
    assert (partition.partition_index, partition.committed_offset) == (3, -1)
