"""An existing cluster behind a simulator's log: the topics, what is read, and what is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import orjson

from simulator.catalog import Catalog, InvalidEvent
from simulator.clusters.addresses import ClusterAddress
from simulator.clusters.cluster_admin import ClusterAdmin, ClusterTopic
from simulator.clusters.group_offsets import ClusterGroups
from simulator.clusters.mirror import Mirror, Place
from simulator.clusters.outlet import ClusterOutlet
from simulator.errors import SimulatorError
from simulator.log import TopicLog
from simulator.publishing import LogUnavailable

LOOK_S: Final = 2.0
"""How often the cluster is asked which topics it has."""

CAUGHT_UP_S: Final = 60.0
"""How long a reader who wants only what is new waits for what is old."""

FAR_BEHIND: Final = 10_000
"""Records that are not waited for by publishers, while what was there at the start is read."""

logger = logging.getLogger("simulator.clusters")


class ExistingCluster:
    """Keeps a log the same as some topics of a cluster, and carries to it what is published.

    The cluster decides: a record is on the log when it has come back from there, with the
    partition and the offset that it has there. Topics that are deleted on the cluster are deleted
    on the log; created again, they are new topics.
    """

    def __init__(
        self, address: ClusterAddress, topics: Iterable[str], *, catalog: Catalog, log: TopicLog
    ) -> None:
        """`topics` are those to be followed; nothing is asked of the cluster before `start`."""
        self.servers = address.servers
        self._address = address
        self._names: Sequence[str] = tuple(dict.fromkeys(topics))
        self._catalog = catalog
        self._log = log
        self._known: dict[str, ClusterTopic] = {}
        self._missed: set[str] = set()
        self._look_now = asyncio.Event()
        self._went_on = asyncio.Event()
        self._admin: ClusterAdmin | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._groups: ClusterGroups | None = None
        self.outlet = ClusterOutlet(address, self._is_read)
        self._mirror = Mirror(
            address,
            log,
            self._is_unchecked,
            self._progressed,
            self._look_now.set,
        )

    # Life

    async def start(self) -> None:
        """Connect, have the cluster make topics that are missing, and begin to follow.

        Does not wait for the records that are there. Raises ClusterUnavailable or ClusterRefuses.
        """
        admin = self._admin = ClusterAdmin(self._address)
        found = await admin.find_at_first(self._names)
        missing = [name for name in self._names if name not in found]
        self._adopt(found | await admin.create(missing))
        self._groups = ClusterGroups(self.servers, self._log)
        self._groups.start()
        self.outlet.start()
        self._mirror.start()
        self._watcher = asyncio.get_running_loop().create_task(self._watch(), name="cluster-watch")

    async def stop(self) -> None:
        """Hand over what is published, and let go of the cluster; the log stays as it is."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
        await self.outlet.stop()
        await self._mirror.stop()
        if self._groups is not None:
            await self._groups.stop()
        self._groups = self._admin = None  # which closes its connections

    # For readers

    async def caught_up(self) -> None:
        """Return when all has been read that was there at the start; may raise LogUnavailable."""
        await self._until(lambda: not self._mirror.behind)

    async def opened(self, group: str) -> None:
        """Know where a group has come to on the cluster, and have the log reach that place.

        Raises LogUnavailable or ClusterRefuses.
        """
        assert self._groups is not None
        offsets = await self._groups.load(group)
        await self._until(lambda: not self._before(offsets.items()))

    async def committed(self, group: str) -> None:
        """Return when the cluster has the offsets that a group has committed here.

        Raises LogUnavailable or ClusterRefuses.
        """
        assert self._groups is not None
        await self._groups.flush(group)

    def _before(self, offsets: Iterable[tuple[Place, int]]) -> bool:
        """Whether some partition is to come to one of these offsets yet."""
        behind = self._mirror.behind
        return any(place in behind and self._end_of(*place) < offset for place, offset in offsets)

    async def _until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(CAUGHT_UP_S):
                while not holds():
                    self._went_on.clear()
                    await self._went_on.wait()
        except TimeoutError:
            behind = len(self._mirror.behind)
            raise LogUnavailable(
                f"{self.servers} has not been read yet: {behind} partitions are behind"
            ) from None

    def _end_of(self, topic: str, partition: int) -> int:
        """How far a partition has been read; of one that is gone, all."""
        known = self._known.get(topic)
        if known is None or partition >= known.partitions:
            return 1 << 63
        return self._log.bounds(topic, partition)[1]

    def _is_read(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a record can be read here, or will be only after all that was there before."""
        end = self._end_of(topic, partition)
        return end > offset or (
            end + FAR_BEHIND < offset and (topic, partition) in self._mirror.behind
        )

    def _progressed(self) -> None:
        self.outlet.went_on()
        self._went_on.set()

    def _is_unchecked(self, topic: str, value: bytes | None) -> bool:
        """Whether a value on a topic of the catalogue is no event of it."""
        if value is None or topic not in self._catalog.channels:
            return False
        try:
            self._catalog.check(topic, orjson.loads(value))
        except (orjson.JSONDecodeError, InvalidEvent):
            return True
        return False

    # Topics

    def _follow(self, topic: ClusterTopic) -> None:
        """Follow a topic, or the partitions that it has now."""
        if topic.name in self._known:
            self._log.add_partitions(topic.name, topic.partitions)
        else:
            self._log.create_topic(topic.name, topic.partitions)
        self._known[topic.name] = topic
        self.outlet.follow(topic.name, topic.partitions)
        self._mirror.follow(topic.name, topic.partitions)

    def _forget(self, name: str) -> None:
        self._mirror.forget(name)
        del self._known[name]
        self.outlet.forget(name)
        self._log.delete_topic(name)
        if self._groups is not None:
            self._groups.forget(name)
        self._progressed()

    async def _watch(self) -> None:
        """See that topics are deleted, made, made again, or get more partitions."""
        away = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._look_now.wait()
            self._look_now.clear()
            try:
                await self._look()
                if away:
                    logger.warning("%s: answers again", self.servers)
                away = False
            except SimulatorError as error:
                if not away:
                    logger.warning("%s; it is asked again until it answers", error)
                away = True
            except Exception:
                logger.exception("looking at the topics of %s", self.servers)

    async def _look(self) -> None:
        assert self._admin is not None
        found = await self._admin.find(self._names)
        await self._unstick(found)
        self._adopt(found)

    def _adopt(self, found: Mapping[str, ClusterTopic]) -> None:
        """Have the topics that the cluster has."""
        missed, self._missed = self._missed, {name for name in self._names if name not in found}
        for name in self._names:
            known, now = self._known.get(name), found.get(name)
            if known == now or (now is None and name not in missed):
                continue  # a node that has just come back may not know its topics yet
            if known is not None and (now is None or not _goes_on(known, now)):
                self._forget(name)
            if now is not None:
                self._follow(now)

    async def _unstick(self, found: Collection[str]) -> None:
        """Go on where the next offset is not on the cluster any more: later, or all anew."""
        from confluent_kafka import KafkaException

        for place in self._mirror.stuck:
            topic, partition = place
            if topic not in found or topic not in self._known:
                continue
            with suppress(KafkaException):
                start, end = await self._mirror.bounds_on_cluster(place)
                here = self._end_of(topic, partition)
                if here > end:  # the cluster has lost records: what is there now is another log
                    self._forget(topic)
                else:
                    self._mirror.resume(place, max(here, start))


def _goes_on(before: ClusterTopic, now: ClusterTopic) -> bool:
    """Whether a topic is still the same one."""
    return before.topic_id == now.topic_id and before.partitions <= now.partitions
