"""Where the partitions of a cluster begin and end."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from simulator.clusters.addresses import ClusterAddress
from simulator.clusters.asking import ANSWER_S

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition

    Answers = Mapping[TopicPartition, Future[Any]]

Partition = tuple[str, int]
"""A topic and the number of one of its partitions."""

_PAUSE_S: Final = 0.2


class Bounds(NamedTuple):
    """The offsets that a partition has, from `first` to before `end` (the high watermark).

    What lies behind `stable` is not told to consumers that read what is committed: a transaction
    that began there is open still (the last stable offset of KIP-98).
    """

    first: int
    end: int
    stable: int


class Offsets:
    """Asks a cluster for offsets."""

    def __init__(self, address: ClusterAddress) -> None:
        """Nothing is asked yet."""
        from confluent_kafka.admin import AdminClient

        self._client = AdminClient({"bootstrap.servers": address.servers, "log_level": 0})

    def bounds(
        self,
        partitions: Collection[Partition],
        patience_s: float = ANSWER_S,
        *,
        again: bool = True,
    ) -> tuple[dict[Partition, Bounds], dict[Partition, str]]:
        """Return the bounds of partitions, and why those of others are not known.

        With `again` it is asked again, within `patience_s`, for those that have no leader just now.
        """
        until = time.monotonic() + patience_s
        found: dict[Partition, Bounds] = {}
        missing: dict[Partition, str] = {}
        while left := [partition for partition in partitions if partition not in found]:
            answer_s = max(1.0, until - time.monotonic())
            first, end = self._ask(left, "first", answer_s), self._ask(left, "end", answer_s)
            told = [_told(first), _told(end)]
            known = [one for one in left if all(one in offsets for offsets, _ in told)]
            # Asked last, so that what is written meanwhile does not look like a transaction.
            told.append(_told(self._ask(known, "stable", answer_s)) if known else ({}, {}))
            missing = {one: reason for _, reasons in told for one, reason in reasons.items()}
            for one in known:
                if one not in missing:
                    found[one] = Bounds(*(offsets[one] for offsets, _ in told))
            if not (missing and again) or time.monotonic() >= until:
                break
            time.sleep(_PAUSE_S)
        return found, missing

    def _ask(
        self,
        partitions: Collection[Partition],
        which: Literal["first", "end", "stable"],
        answer_s: float,
    ) -> Answers:
        from confluent_kafka import IsolationLevel, TopicPartition, admin

        spec: Any = admin.OffsetSpec  # type: ignore[attr-defined]
        where = spec.earliest() if which == "first" else spec.latest()
        level = (
            IsolationLevel.READ_COMMITTED if which == "stable" else IsolationLevel.READ_UNCOMMITTED
        )
        return self._client.list_offsets(
            {TopicPartition(*partition): where for partition in partitions},
            isolation_level=level,
            request_timeout=answer_s,
        )


def _told(answers: Answers) -> tuple[dict[Partition, int], dict[Partition, str]]:
    from confluent_kafka import KafkaException

    known: dict[Partition, int] = {}
    unknown: dict[Partition, str] = {}
    for asked, answer in answers.items():
        try:
            known[asked.topic, asked.partition] = answer.result().offset
        except KafkaException as error:
            unknown[asked.topic, asked.partition] = error.args[0].str()
    return known, unknown
