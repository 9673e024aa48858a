"""Produce, key 0, versions 3 to 13.

Behavior
- Each partition has its own result, and takes one record batch of magic 2, which is stored as it
  is. CORRUPT_MESSAGE for a wrong length or CRC; INVALID_RECORD for other than one whole batch, an
  old magic, and a batch that clients may not send; MESSAGE_TOO_LARGE; UNKNOWN_TOPIC_OR_PARTITION,
  and UNKNOWN_TOPIC_ID from version 13 on. Bytes behind the batch that are no batch do not count.
- The first offset kept is told beside the errors that the log itself finds.
- NOT_LEADER_OR_FOLLOWER from a broker that does not lead the partition, with the one that does.
- `acks` other than 0, 1 and -1 is INVALID_REQUIRED_ACKS. With 0 there is no response; an error then
  closes the connection, since there is no other way to tell.
- A batch that an idempotent producer sent before gets the offset it has already (KIP-98);
  OUT_OF_ORDER_SEQUENCE_NUMBER for a gap, INVALID_PRODUCER_EPOCH for an older epoch.
- Events of the catalogue's topics are validated. One that breaks its schema fails its batch with
  INVALID_RECORD, and the result names each bad record and why (KIP-467); as a setting, it is marked
  instead, or not looked at.
- A batch of a transaction needs a partition that was added to it: INVALID_TXN_STATE, and
  TRANSACTION_ABORTABLE from version 11 on; from version 12 on the batch adds it. Batches outside of
  the producer's open transaction are INVALID_TXN_STATE too. INVALID_PRODUCER_ID_MAPPING for another
  producer id; while the transaction before still ends, CONCURRENT_TRANSACTIONS, and before version
  12 NOT_ENOUGH_REPLICAS, which old clients try again. TRANSACTIONAL_ID_AUTHORIZATION_FAILED without
  a transactional id.
- The settings of the topic act: `max.message.bytes` (MESSAGE_TOO_LARGE), `message.timestamp.type`
  (LogAppendTime gives a batch the broker's time, which the result tells),
  `message.timestamp.before.max.ms` and `.after.max.ms` (INVALID_TIMESTAMP), `cleanup.policy`
  (INVALID_RECORD for no key where it is compact), `min.insync.replicas` (NOT_ENOUGH_REPLICAS with
  acks=all). `compression.type` is told and does nothing: batches are stored as sent.
- INVALID_TOPIC_EXCEPTION for the topics that the cluster keeps for itself.
- When the log is full, POLICY_VIOLATION says so, with the reason: clients give up on it at once.
  A real broker that finds no room on its disk says KAFKA_STORAGE_ERROR and shuts down; producers
  take that for a leader that moves, and try again for two minutes (`delivery.timeout.ms`).

Version notes
- Versions 0 to 2 are told by ApiVersions and not served, as in Kafka 4: librdkafka looks for them
  before it compresses (KAFKA-18659). 5 adds the start offset; 7 allows Zstandard (KIP-110); 8 adds
  errors of records (KIP-467); 9 is flexible; 10 tells a new leader (KIP-951); 11 and 12 are of
  KIP-890; 13 names topics by id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.errors import SimulatorError
from simulator.listeners.kafka.errors import ProtocolViolation, Refused
from simulator.listeners.kafka.event_checks import BadEvents, unchecked_records
from simulator.listeners.kafka.leadership import current_leader, leader_error, node_endpoints
from simulator.listeners.kafka.registry import NO_RESPONSE, Request, api
from simulator.listeners.kafka.transactions import FIRST_BUMPING_PRODUCE
from simulator.log import (
    Batch,
    CorruptBatch,
    InvalidBatch,
    InvalidTimestamps,
    InvalidTransactionState,
    LogFull,
    OutOfOrderSequence,
    PartitionNotFound,
    ProducerFenced,
    RecordTooLarge,
    RefusedRecords,
    TopicNotFound,
    parse_batch,
)
from simulator.log.acls import Operation, ResourceType
from simulator.log.batches import Unchecked
from simulator.log.compression import ZSTD
from simulator.log.record_rules import check_records, stamped, with_create_time
from simulator.log.topic import INTERNAL
from simulator.log.transaction import Place, Producer

FIRST_ABORTABLE = 11
"""The first version whose clients know TRANSACTION_ABORTABLE."""

_CODES: dict[type[SimulatorError], ErrorCode] = {
    CorruptBatch: ErrorCode.corrupt_message,
    InvalidTransactionState: ErrorCode.invalid_txn_state,
    LogFull: ErrorCode.policy_violation,
    OutOfOrderSequence: ErrorCode.out_of_order_sequence_number,
    ProducerFenced: ErrorCode.invalid_producer_epoch,
    RecordTooLarge: ErrorCode.message_too_large,
}


_END_OF_DATES = 253_402_300_800_000  # milliseconds; the codec has dates up to here


class _RefusedEvents(Refused):
    """A batch that is not stored because of some of its `records`, with the reason for each."""

    def __init__(self, text: str, records: dict[int, str]) -> None:
        self.records = records
        super().__init__(ErrorCode.invalid_record, text)


@api(0, "produce", (3, 13), advertised_min=0)
def produce(request: Request) -> Any:
    """Append the batches of a producer."""
    body, make = request.body, request.schema.make
    by_id = request.version >= 13
    failed = False
    topics = []
    for topic in body.topic_data:
        name = request.cluster.topic_name(topic.topic_id) if by_id else topic.name
        results = []
        for partition in topic.partition_data:
            result, stored = _partition(request, name, partition)
            results.append(result)
            failed = failed or not stored
        topics.append(
            make(
                "TopicProduceResponse",
                partition_responses=tuple(results),
                **({"topic_id": topic.topic_id} if by_id else {"name": topic.name}),
            )
        )
    if body.acks == 0:
        if failed:
            raise ProtocolViolation("a batch sent with acks=0 was refused")
        return NO_RESPONSE
    leaders: dict[str, Any] = {}
    if failed and request.version >= 10:
        leaders = node_endpoints(request, (p for t in topics for p in t.partition_responses))
    return request.schema.response(responses=tuple(topics), **leaders)


def _partition(request: Request, topic: str | None, partition: Any) -> tuple[Any, bool]:
    """The result of one partition, and whether its batch was stored."""
    make = request.schema.make
    offset = start = -1
    stored_at: int | None = None
    code, text, records = ErrorCode.none, None, {}
    leader: dict[str, Any] = {}
    try:
        data = partition.records or b""
        offset, start, stored_at = _append(request, topic, partition.index, data)
    except Refused as refused:
        code, text = refused.code, refused.text
        if isinstance(refused, _RefusedEvents):
            records = refused.records
        if code is ErrorCode.not_leader_or_follower and request.version >= 10:
            leader = current_leader(request, topic, partition.index)
    except InvalidBatch as error:
        code, text = _CODES.get(type(error), ErrorCode.invalid_record), str(error)
        if type(error) is InvalidBatch and topic is not None:
            start = request.cluster.log.bounds(topic, partition.index)[0]
    except RefusedRecords as error:
        timed = isinstance(error, InvalidTimestamps)
        code = ErrorCode.invalid_timestamp if timed else ErrorCode.invalid_record
        text, records = str(error), error.records
        if topic is not None:
            start = request.cluster.log.bounds(topic, partition.index)[0]
    except (OutOfOrderSequence, ProducerFenced, InvalidTransactionState) as error:
        code, text = _CODES[type(error)], str(error)
        if topic is not None:
            start = request.cluster.log.bounds(topic, partition.index)[0]
    except (TopicNotFound, PartitionNotFound):
        code = ErrorCode.unknown_topic_or_partition  # without a text, as from Apache Kafka
    except SimulatorError as error:
        code, text = _CODES.get(type(error), ErrorCode.unknown_server_error), str(error)
    result = make(
        "PartitionProduceResponse",
        index=partition.index,
        error_code=code,
        base_offset=offset,
        log_append_time=None
        if stored_at is None
        else datetime.fromtimestamp(stored_at / 1000, UTC),
        log_start_offset=start,
        record_errors=tuple(
            make(
                "BatchIndexAndErrorMessage",
                batch_index=index,
                batch_index_error_message=reason,
            )
            for index, reason in records.items()
        )
        if request.version >= 8
        else (),
        error_message=text or None,
        **leader,
    )
    return result, code is ErrorCode.none


def _append(
    request: Request, topic: str | None, partition: int, data: bytes
) -> tuple[int, int, int | None]:
    """Store a batch; return its offset, the first one of the partition, and the time it was given.

    That is None where the producer's times are kept and the batch is new.
    """
    if request.body.acks not in (-1, 0, 1):
        raise Refused(
            ErrorCode.invalid_required_acks, f"acks={request.body.acks} is none of 0, 1 and -1"
        )
    if topic is None:
        raise Refused(ErrorCode.unknown_topic_id, "no topic has this id")
    if not request.allowed(Operation.WRITE, ResourceType.TOPIC, topic):
        raise Refused(ErrorCode.topic_authorization_failed)
    log = request.cluster.log
    log.bounds(topic, partition)
    code = leader_error(request, topic, partition)
    if code is not ErrorCode.none:
        raise Refused(code, f"broker {request.node_id} does not lead {topic}-{partition}")
    if topic in INTERNAL:
        raise Refused(ErrorCode.invalid_topic_exception)
    rules = log.rules(topic)
    if request.body.acks == -1 and rules.min_insync > 1:
        _check_in_sync(request, topic, partition, rules.min_insync)
    batch = parse_batch(data)
    if batch.compression == ZSTD and request.version < 7:
        raise Refused(
            ErrorCode.unsupported_compression_type,
            "Produce requests before version 7 may not use zstd",
        )
    if batch.transactional:
        _admit(request, (topic, partition), batch)
    unchecked = _checked(request, topic, batch)
    now = request.cluster.publisher.now_ms()
    check_records(batch, rules, now, f"{topic}-{partition}")
    batch = stamped(batch, now) if rules.append_time else with_create_time(batch)
    bumps_epochs = batch.transactional and request.version >= FIRST_BUMPING_PRODUCE
    end = log.bounds(topic, partition)[1]
    offset = log.append_batch(
        topic, partition, batch, unchecked=unchecked, bumps_epochs=bumps_epochs
    )
    stored_at = now if rules.append_time else None
    if offset < end and 0 <= batch.max_timestamp < _END_OF_DATES:
        stored_at = batch.max_timestamp  # it was sent before, and Kafka tells its time then
    return offset, log.bounds(topic, partition)[0], stored_at


def _check_in_sync(request: Request, topic: str, partition: int, wanted: int) -> None:
    """Refuse a write that not enough replicas would see (`min.insync.replicas`).

    As many as there are replicas are enough, however many are wanted (KIP-966).
    """
    place = request.cluster.place(topic, partition)
    wanted = min(wanted, len(place.replicas))
    if len(place.isr) < wanted:
        live = ",".join(map(str, place.isr))
        raise Refused(
            ErrorCode.not_enough_replicas,
            f"The size of the current ISR : {len(place.isr)} is insufficient to satisfy the "
            f"min.isr requirement of {wanted} for partition {topic}-{partition}, live replica(s) "
            f"broker.id are : {live}",
        )


def _admit(request: Request, place: Place, batch: Batch) -> None:
    """Refuse a batch that does not belong to the transaction which it says it does."""
    name, version = request.body.transactional_id, request.version
    if name is None or not request.allowed(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, name):
        raise Refused(ErrorCode.transactional_id_authorization_failed)
    producer = Producer(batch.producer_id, batch.producer_epoch)
    adds = version >= FIRST_BUMPING_PRODUCE
    error = ErrorCode(request.cluster.transactions.admit(name, producer, place, adds=adds).value)
    text = None
    if error is ErrorCode.transaction_abortable and version < FIRST_ABORTABLE:
        error, text = ErrorCode.invalid_txn_state, "Partition was not added to the transaction"
    if error is ErrorCode.concurrent_transactions and not adds:
        error = ErrorCode.not_enough_replicas
        text = (
            "Unable to verify the partition has been added to the transaction. Underlying error: "
            "CONCURRENT_TRANSACTIONS"
        )
    if error is not ErrorCode.none:
        raise Refused(error, text)


def _checked(request: Request, topic: str, batch: Batch) -> Unchecked:
    """Which records of a batch are to be marked as no events; refuses it where that is asked."""
    cluster = request.cluster
    try:
        return unchecked_records(cluster.event_checks, cluster.publisher.catalog, topic, batch)
    except BadEvents as bad:
        first, reason = next(iter(bad.records.items()))
        raise _RefusedEvents(
            f"{len(bad.records)} of {batch.records} records are refused; record {first}: {reason}",
            bad.records,
        ) from None
