"""Requests of the APIs of transactions."""

from __future__ import annotations

from typing import Any

from kafka_wire import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    DESCRIBE_PRODUCERS,
    DESCRIBE_TRANSACTIONS,
    END_TXN,
    LIST_TRANSACTIONS,
    TXN_OFFSET_COMMIT,
    WRITE_TXN_MARKERS,
    Make,
)

PRODUCER = {"transactional_id": "x", "producer_id": 1, "producer_epoch": 0, "group_id": "g"}


def added(make: Make) -> Any:
    return (make("AddPartitionsToTxnTopic", name="t", partitions=(0,)),)


REQUESTS: dict[int, dict[str, Any]] = {
    ADD_PARTITIONS_TO_TXN: {
        "v3_and_below_transactional_id": "x",
        "v3_and_below_producer_id": 1,
        "v3_and_below_producer_epoch": 0,
        "v3_and_below_topics": added,
        "transactions": lambda make: (
            make("AddPartitionsToTxnTransaction", **PRODUCER, topics=added(make)),
        ),
    },
    ADD_OFFSETS_TO_TXN: PRODUCER,
    END_TXN: {**PRODUCER, "committed": True},
    WRITE_TXN_MARKERS: {
        "markers": lambda make: (
            make(
                "WritableTxnMarker",
                **PRODUCER,
                transaction_result=True,
                coordinator_epoch=0,
                topics=(make("WritableTxnMarkerTopic", name="t", partition_indexes=(0,)),),
            ),
        ),
    },
    TXN_OFFSET_COMMIT: {
        **PRODUCER,
        "topics": lambda make: (
            make(
                "TxnOffsetCommitRequestTopic",
                name="t",
                partitions=(
                    make(
                        "TxnOffsetCommitRequestPartition",
                        partition_index=0,
                        committed_offset=3,
                        committed_metadata=None,
                    ),
                ),
            ),
        ),
    },
    DESCRIBE_PRODUCERS: {
        "topics": lambda make: (make("TopicRequest", name="t", partition_indexes=(0,)),)
    },
    DESCRIBE_TRANSACTIONS: {"transactional_ids": ("x",)},
    LIST_TRANSACTIONS: {"state_filters": (), "producer_id_filters": ()},
}
"""One that can be served of each API, of a producer that nobody knows."""
