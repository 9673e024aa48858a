"""What the settings of a topic ask of the records that a client sends (Kafka: `LogValidator`)."""

from __future__ import annotations

import struct

from simulator.log.batches import (
    ATTRIBUTES_AT,
    LOG_APPEND_TIME,
    MAX_TIMESTAMP_AT,
    Batch,
    Rows,
    decode_rows,
    rewritten,
)
from simulator.log.errors import InvalidTimestamps, UnkeyedRecords
from simulator.log.rules import TopicRules

_NO_TIMESTAMP = -1


def check_records(batch: Batch, rules: TopicRules, now: int, place: str) -> None:
    """Refuse a batch with records that the topic does not take; `place` is topic-partition.

    Raises UnkeyedRecords or InvalidTimestamps, which name each of them and why.
    """
    claims_append_time = bool(batch.attributes & LOG_APPEND_TIME)
    timed = not rules.append_time and (
        rules.before_max_ms is not None or rules.after_max_ms is not None
    )
    if not (rules.needs_key or timed or claims_append_time):
        return
    rows = decode_rows(batch.raw, 0, unchecked=False)
    late = _bad_times(batch, rows, rules, now)
    if late:
        raise InvalidTimestamps(late)
    if rules.needs_key:
        why = f"Compacted topic cannot accept message without key in topic partition {place}"
        bare = {row: why for row, key in enumerate(rows.keys) if key is None}
        if bare:
            raise UnkeyedRecords(bare)


def stamped(batch: Batch, now: int) -> Batch:
    """The batch with the broker's time: its attribute, its largest timestamp, and the CRC."""
    attributes = batch.attributes | LOG_APPEND_TIME
    raw = rewritten(
        batch.raw,
        (ATTRIBUTES_AT, struct.pack(">h", attributes)),
        (MAX_TIMESTAMP_AT, struct.pack(">q", now)),
    )
    return batch._replace(raw=raw, attributes=attributes, max_timestamp=now)


def with_create_time(batch: Batch) -> Batch:
    """The batch without a claim to have the broker's time, for a topic that keeps producers'."""
    if not batch.attributes & LOG_APPEND_TIME:
        return batch
    attributes = batch.attributes & ~LOG_APPEND_TIME
    raw = rewritten(batch.raw, (ATTRIBUTES_AT, struct.pack(">h", attributes)))
    return batch._replace(raw=raw, attributes=attributes)


def _bad_times(batch: Batch, rows: Rows, rules: TopicRules, now: int) -> dict[int, str]:
    bad = {}
    low, high = _earliest(rules, now), _latest(rules, now)
    for row, timestamp in enumerate(rows.timestamps):
        if not rules.append_time and timestamp != _NO_TIMESTAMP:
            if not low <= timestamp <= high:
                bad[row] = (
                    f"Timestamp {timestamp} of message with offset {row} is out of range. The "
                    f"timestamp should be within [{low}, {high}]"
                )
        elif batch.attributes & LOG_APPEND_TIME:
            sizes = (
                0 if part is None else len(part) for part in (rows.keys[row], rows.values[row])
            )
            key, value = sizes
            bad[row] = (
                f"Invalid timestamp type in message DefaultRecord(offset={row}, "
                f"timestamp={timestamp}, key={key} bytes, value={value} bytes). Producer should "
                "not set timestamp type to LogAppendTime."
            )
    return bad


def _earliest(rules: TopicRules, now: int) -> int:
    return -(1 << 63) if rules.before_max_ms is None else now - rules.before_max_ms


def _latest(rules: TopicRules, now: int) -> int:
    return (1 << 63) - 1 if rules.after_max_ms is None else now + rules.after_max_ms
