"""Offsets of one group on a cluster, asked and committed by somebody who is no member of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from simulator.clusters.cluster_admin import QUICKLY_S
from simulator.log.groups import Place

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, TopicPartition

_LOOK_S: Final = 0.005

_COORDINATOR_MS: Final = 2000
"""How long a commit waits for a coordinator, and with it `close`; nothing joins the group here."""


class GroupClient:
    """A consumer without a subscription; one call at a time, then `close`.

    Not the admin API, which asks the same: when its coordinator is lost, librdkafka ends the whole
    process by a failed assertion (confluentinc/librdkafka issue 3663, pull request 5397).
    """

    def __init__(self, servers: str, group: str) -> None:
        """Nothing is asked yet."""
        from confluent_kafka import Consumer

        self._answers: list[tuple[KafkaError | None, list[TopicPartition]]] = []
        self._consumer: Consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_uncommitted",  # offsets of open transactions do not count
                "reconnect.backoff.max.ms": 1000,
                "session.timeout.ms": _COORDINATOR_MS,
                "heartbeat.interval.ms": _COORDINATOR_MS // 2,
                "on_commit": lambda error, found: self._answers.append((error, found)),
                "error_cb": _nothing,
                "log_level": 0,
            }
        )
        self._thread: Executor = ThreadPoolExecutor(1, "cluster-group")

    async def committed(self, places: Iterable[Place]) -> dict[Place, int]:
        """Return the offsets of the places that have one; raises KafkaException."""
        from confluent_kafka import TopicPartition

        asked = [TopicPartition(*place) for place in places]
        ask = partial(self._consumer.committed, asked, timeout=QUICKLY_S)
        found = await asyncio.get_running_loop().run_in_executor(self._thread, ask)
        return {
            (place.topic, place.partition): place.offset
            for place in found
            if place.error is None and place.offset >= 0
        }

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Return when the cluster has the offsets; raises KafkaException, or TimeoutError.

        After a TimeoutError, or where it was cancelled, the cluster may take them yet: close it.
        """
        from confluent_kafka import KafkaException, TopicPartition

        self._answers.clear()
        wanted = [TopicPartition(*place, at) for place, at in offsets.items()]
        self._consumer.commit(offsets=wanted, asynchronous=True)
        async with asyncio.timeout(QUICKLY_S):
            while not self._answers:
                self._consumer.poll(0)  # has `on_commit` called
                await asyncio.sleep(_LOOK_S)
        error, found = self._answers[-1]
        for failure in (error, *(place.error for place in found)):
            if failure is not None:
                raise KafkaException(failure)

    def close(self) -> None:
        """Let go of the cluster, behind what is being asked; does not wait."""
        self._thread.submit(self._consumer.close)
        self._thread.shutdown(wait=False)


def _nothing(_: KafkaError) -> None:
    """Connections come and go; the calls say what came of it."""
