"""Committed offsets of groups on a cluster: read when a group is first asked for, written back."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from simulator.clusters.cluster_admin import ClusterRefuses
from simulator.clusters.group_client import GroupClient
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

CLIENTS: Final = 16
"""How many groups keep their connections to the cluster; each has some threads."""

logger = logging.getLogger("simulator.clusters")


class ClusterGroups:
    """Groups that read here are groups of the cluster, as far as offsets go.

    Their members are not: the cluster takes commits of a group only while it has no members there.
    """

    def __init__(self, servers: str, log: TopicLog) -> None:
        self._servers = servers
        self._log = log
        self._clients: dict[str, GroupClient] = {}
        """Those that nobody is using, the one used last at the end."""
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
        while self._clients:
            self._clients.popitem()[1].close()

    async def load(self, group: str) -> Mapping[Place, int]:
        """Return where a group has come to; the cluster knows unless the group has members here.

        Raises LogUnavailable or ClusterRefuses.
        """
        groups = self._log.groups
        async with self._asking[group]:
            if groups.members(group):
                return groups.offsets(group)
            with suppress(ClusterRefuses):  # then what the cluster knows is what counts
                await self._write(group)
            before = groups.commits(group)
            async with self._client(group) as client:
                found = await client.committed(self._places())
            for place, offset in found.items():
                newer = groups.commit_at(group, place) is not before.get(place)  # meanwhile, here
                if self._is_followed(place) and not newer:
                    self._written.setdefault(group, {})[place] = offset
                    groups.store(group, *place, Commit(offset))
            return groups.offsets(group)

    def _places(self) -> list[Place]:
        return [
            (topic.name, partition)
            for topic in self._log.topics()
            for partition in range(len(topic.partitions))
        ]

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
        written = self._written.setdefault(group, {})
        offsets = dict(self._log.groups.offsets(group))
        changed = {place: at for place, at in offsets.items() if written.get(place) != at}
        if not changed:
            return
        async with self._client(group) as client:
            await client.commit(changed)
        written.update(changed)

    @asynccontextmanager
    async def _client(self, group: str) -> AsyncIterator[GroupClient]:
        """Who asks for the group, whose lock is held; errors as those of `load`."""
        from confluent_kafka import KafkaException

        client = self._clients.pop(group, None) or GroupClient(self._servers, group)
        try:
            yield client
        except KafkaException as error:
            client.close()
            raise self._failure(group, error.args[0]) from None
        except TimeoutError:
            client.close()
            raise LogUnavailable(f"{self._servers}: offsets of group {group}: timed out") from None
        except BaseException:
            client.close()
            raise
        self._clients[group] = client
        while len(self._clients) > CLIENTS:
            self._clients.pop(next(iter(self._clients))).close()

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
