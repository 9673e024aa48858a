"""Committed offsets of groups on a cluster: read when a group is first asked for, written back."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from simulator.clusters.cluster_admin import (
    QUICKLY_S,
    ClusterAdmin,
    ClusterRefuses,
    answers,
    error_of,
)
from simulator.errors import SimulatorError
from simulator.log import TopicLog
from simulator.log.groups import Commit, Place
from simulator.publishing import LogUnavailable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

AGAIN_S: Final = 1.0
"""How long after a failure commits are tried again."""

LAST_S: Final = 5.0
"""How long a stop waits for the last commits."""

logger = logging.getLogger("simulator.clusters")


class ClusterGroups:
    """Groups that read here are groups of the cluster, as far as offsets go.

    Their members are not: the cluster takes commits of a group only while it has no members there.
    """

    def __init__(self, admin: ClusterAdmin, log: TopicLog) -> None:
        self._admin = admin.client
        self._servers = admin.servers
        self._log = log
        self._written: dict[str, dict[Place, int]] = {}
        self._changed = asyncio.Event()
        self._asking: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By group, so that no older commit comes behind a newer one."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write to the cluster what is committed from now on."""
        self._log.groups.watch(self._changed.set)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="cluster-groups")

    async def stop(self) -> None:
        """Write what is committed, within `LAST_S`, and no more then."""
        self._log.groups.unwatch(self._changed.set)
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_S):
                await self._flush_all()

    async def load(self, group: str) -> Mapping[Place, int]:
        """Return where a group has come to; the cluster knows unless the group has members here.

        Raises LogUnavailable or ClusterRefuses.
        """
        from confluent_kafka import ConsumerGroupTopicPartitions

        groups = self._log.groups
        async with self._asking[group]:
            if groups.members(group):
                return groups.offsets(group)
            with suppress(ClusterRefuses):  # then what the cluster knows is what counts
                await self._write(group)
            before = groups.commits(group)
            asked = [ConsumerGroupTopicPartitions(group)]
            futures = self._admin.list_consumer_group_offsets(asked, request_timeout=QUICKLY_S)
            (answer,) = (await answers(futures)).values()
            self._check(group, answer)
            for found in answer.topic_partitions:
                place = (found.topic, found.partition)
                newer = groups.commit_at(group, place) is not before.get(place)  # meanwhile, here
                if (
                    found.error is None
                    and found.offset >= 0
                    and self._is_followed(place)
                    and not newer
                ):
                    self._written.setdefault(group, {})[place] = found.offset
                    groups.store(group, *place, Commit(found.offset))
            return groups.offsets(group)

    def _is_followed(self, place: Place) -> bool:
        topic, partition = place
        return self._log.has_topic(topic) and partition < self._log.shape(topic)[1]

    async def flush(self, group: str) -> None:
        """Have the cluster know all that a group has committed here; errors as those of `load`."""
        async with self._asking[group]:
            await self._write(group)

    def forget(self, topic: str) -> None:
        """A topic is gone, and with it what groups have committed on it."""
        for written in self._written.values():
            for place in [place for place in written if place[0] == topic]:
                del written[place]

    async def _write(self, group: str) -> None:
        from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

        written = self._written.setdefault(group, {})
        offsets = dict(self._log.groups.offsets(group))
        changed = {place: at for place, at in offsets.items() if written.get(place) != at}
        if not changed:
            return
        wanted = [TopicPartition(*place, at) for place, at in changed.items()]
        asked = [ConsumerGroupTopicPartitions(group, wanted)]
        futures = self._admin.alter_consumer_group_offsets(asked, request_timeout=QUICKLY_S)
        (answer,) = (await answers(futures)).values()
        self._check(group, answer)
        for found in answer.topic_partitions:
            if found.error is not None:
                raise self._failure(group, found.error)
        written.update(changed)

    def _check(self, group: str, answer: object) -> None:
        error = error_of(answer)
        if error is not None:
            raise self._failure(group, error)

    def _failure(self, group: str, error: KafkaError) -> SimulatorError:
        kind = LogUnavailable if error.code() < 0 or error.retriable() else ClusterRefuses
        return kind(f"{self._servers}: offsets of group {group}: {error.str()}")

    async def _run(self) -> None:
        """Write what nobody waits for, such as the commits of deliveries."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._flush_all()
            if self._changed.is_set():
                await asyncio.sleep(AGAIN_S)

    async def _flush_all(self) -> None:
        for group in self._log.groups.names():
            try:
                await self.flush(group)
            except SimulatorError as error:
                logger.info("%s", error)
                self._changed.set()
            except Exception:  # what nobody expected; the other groups go on
                logger.exception("offsets of group %s", group)
