"""Which topics a cluster has: asking, and making those that are missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from simulator.clusters.addresses import ClusterAddress
from simulator.clusters.asking import ANSWER_S, Trouble
from simulator.clusters.writer import NO_CLIENT, ClusterUnavailable
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

QUICKLY_S: Final = 10.0
"""How long one question may take."""

_PAUSE_S: Final = 0.1

_NO_ID: Final = "AAAAAAAAAAAAAAAAAAAAAA"
"""Of a topic on a cluster that has no ids (before KIP-516): sixteen zero bytes."""


class ClusterTopic(NamedTuple):
    """A topic as a cluster has it; one created again has another id, None where there are none."""

    name: str
    topic_id: str | None
    partitions: int


class ClusterRefuses(SimulatorError):
    """The cluster does not do what was asked of it; the text has its reason."""


class ClusterAdmin:
    """Asks a cluster, and has it make topics, without holding the event loop."""

    def __init__(self, address: ClusterAddress) -> None:
        """Nothing is asked yet; raises ClusterUnavailable where the client library is missing."""
        try:
            from confluent_kafka.admin import AdminClient
        except ImportError:
            raise ClusterUnavailable(NO_CLIENT) from None
        self.servers = address.servers
        self._trouble = Trouble()
        settings: dict[str, Any] = {
            "bootstrap.servers": address.servers,
            "reconnect.backoff.max.ms": 1000,
            "error_cb": self._trouble,
            "log_level": 0,
        }
        self.client = AdminClient(settings)

    async def find(self, names: Collection[str]) -> dict[str, ClusterTopic]:
        """Return those of the topics that are there; ClusterUnavailable or ClusterRefuses."""
        from confluent_kafka import KafkaError, TopicCollection

        if not names:
            return {}
        wanted = TopicCollection(list(names))
        found: dict[str, ClusterTopic] = {}
        asked = self.client.describe_topics(wanted, request_timeout=QUICKLY_S)
        for name, answer in (await answers(asked)).items():
            error = error_of(answer)
            if error is None:
                topic_id = None if str(answer.topic_id) == _NO_ID else str(answer.topic_id)
                found[name] = ClusterTopic(name, topic_id, len(answer.partitions))
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            elif error.code() < 0 or error.retriable():
                raise ClusterUnavailable(f"{self.servers} does not answer: {self._why(error)}")
            else:
                raise ClusterRefuses(f"{self.servers}: topic {name}: {error.str()}")
        return found

    async def find_at_first(self, names: Collection[str]) -> dict[str, ClusterTopic]:
        """The same of a cluster that may be starting: it has longer if something listens there."""
        until = time.monotonic() + ANSWER_S - QUICKLY_S
        while True:
            try:
                return await self.find(names)
            except ClusterUnavailable:
                if self._trouble.nobody_listens or time.monotonic() >= until:
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def create(self, names: Iterable[str]) -> dict[str, ClusterTopic]:
        """Make topics, with as many partitions and replicas as the cluster has by default.

        Returns once all are known there. Raises ClusterUnavailable or ClusterRefuses.
        """
        from confluent_kafka import KafkaError
        from confluent_kafka.cimpl import NewTopic

        missing = list(names)
        if not missing:
            return {}
        wanted = [NewTopic(name, num_partitions=-1, replication_factor=-1) for name in missing]
        made = await answers(self.client.create_topics(wanted, request_timeout=QUICKLY_S))
        for name, answer in made.items():
            error = error_of(answer)
            if error is not None and error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                kind = ClusterUnavailable if error.code() < 0 else ClusterRefuses
                raise kind(f"{self.servers} does not create topic {name}: {error.str()}")
        until = time.monotonic() + ANSWER_S
        while True:
            found: dict[str, ClusterTopic] = {}
            with suppress(ClusterUnavailable):  # leaders may have to be chosen
                found = await self.find(missing)
            if len(found) == len(missing):
                return found
            if time.monotonic() > until:
                lacking = ", ".join(name for name in missing if name not in found)
                raise ClusterUnavailable(f"{self.servers} has created {lacking}, and denies it")
            await asyncio.sleep(_PAUSE_S)

    def _why(self, error: KafkaError) -> str:
        self.client.poll(0)  # has `_trouble` called
        return str(self._trouble) or error.str()


async def answers(futures: Mapping[str, Future[Any]]) -> dict[str, Any]:
    """What each question came to: an answer, or the exception."""
    waited = await asyncio.gather(
        *map(asyncio.wrap_future, futures.values()), return_exceptions=True
    )
    return dict(zip(futures, waited, strict=True))


def error_of(answer: object) -> KafkaError | None:
    """The cluster's error where that is what a question came to; raises any other exception."""
    from confluent_kafka import KafkaException

    if isinstance(answer, KafkaException):
        error: KafkaError = answer.args[0]
        return error
    if isinstance(answer, BaseException):
        raise answer
    return None
