"""The topic log: records in topics and partitions, read back by offset, time or append order."""

from simulator.log.batches import Batch, parse_batch
from simulator.log.columns import RecordColumns
from simulator.log.control_batches import Marker
from simulator.log.cursor import Cursor
from simulator.log.errors import (
    CoordinatorFenced,
    CorruptBatch,
    ForeignSnapshot,
    InvalidBatch,
    InvalidGroup,
    InvalidRecord,
    InvalidTimestamps,
    InvalidTopicName,
    InvalidTopicSetting,
    InvalidTransactionState,
    LogError,
    LogFull,
    OffsetOutOfRange,
    OutOfOrderSequence,
    PartitionNotFound,
    ProducerFenced,
    RecordTooLarge,
    RefusedRecords,
    TooManyPartitions,
    TopicDeleted,
    TopicExists,
    TopicNotFound,
)
from simulator.log.groups import GroupOffsets, Share
from simulator.log.record import Headers, Record, RecordPlace
from simulator.log.retention import Retention
from simulator.log.snapshot import Snapshot
from simulator.log.topic import PartitionInfo, TopicInfo
from simulator.log.topic_log import TopicLog

__all__ = [
    "Batch",
    "CoordinatorFenced",
    "CorruptBatch",
    "Cursor",
    "ForeignSnapshot",
    "GroupOffsets",
    "Headers",
    "InvalidBatch",
    "InvalidGroup",
    "InvalidRecord",
    "InvalidTimestamps",
    "InvalidTopicName",
    "InvalidTopicSetting",
    "InvalidTransactionState",
    "LogError",
    "LogFull",
    "Marker",
    "OffsetOutOfRange",
    "OutOfOrderSequence",
    "PartitionInfo",
    "PartitionNotFound",
    "ProducerFenced",
    "Record",
    "RecordColumns",
    "RecordPlace",
    "RecordTooLarge",
    "RefusedRecords",
    "Retention",
    "Share",
    "Snapshot",
    "TooManyPartitions",
    "TopicDeleted",
    "TopicExists",
    "TopicInfo",
    "TopicLog",
    "TopicNotFound",
    "parse_batch",
]
