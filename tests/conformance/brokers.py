"""The two brokers that steps are sent to, and a record of all that each answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

from messages import api_keys, frame, response, versions
from normalised import Normaliser

PATIENCE = 60.0
"""Seconds until a broker that says nothing is taken to hang."""

SHORT_PATIENCE = 5.0
"""The same where a broker is known to say nothing."""

CLOSED: dict[str, Any] = {"connection": "closed"}
SILENT: dict[str, Any] = {"connection": "silent"}

Steps = Callable[["Broker"], Awaitable[None]]
"""What is done with a broker; its answers are recorded on the way."""

Transcript = list[tuple[str, Any]]
"""Steps by their labels, with normalised answers."""


class Connection:
    """A client's connection, opened anew where the broker has closed it."""

    def __init__(self, address: str, client_id: str) -> None:
        self._address = address
        self._client_id = client_id
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._ids = count(1)
        self._turn = asyncio.Lock()

    async def ask(
        self, api: str, version: int, body: Mapping[str, Any], patience: float = PATIENCE
    ) -> dict[str, Any]:
        """The answer, or CLOSED, or SILENT."""
        correlation_id = next(self._ids)
        request = frame(api, version, correlation_id, body, self._client_id)
        data = await self.exchange(request, patience)
        if data is None:
            return CLOSED
        if not data:
            return SILENT
        answered, found = response(api, version, data)
        assert answered == correlation_id
        return found

    async def exchange(self, data: bytes, patience: float = PATIENCE) -> bytes | None:
        """The next frame after sending some bytes; None when it is closed, empty for silence."""
        async with self._turn:
            reader, writer = await self._opened()
            try:
                writer.write(data)
                async with asyncio.timeout(patience):
                    size = int.from_bytes(await reader.readexactly(4), "big")
                    return await reader.readexactly(size)
            except TimeoutError:
                self.close()
                return b""
            except (asyncio.IncompleteReadError, ConnectionError):
                self.close()
                return None

    async def tell(self, api: str, version: int, body: Mapping[str, Any]) -> None:
        """Send a request that has no answer."""
        _, writer = await self._opened()
        writer.write(frame(api, version, next(self._ids), body, self._client_id))

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            host, _, port = self._address.rpartition(":")
            self._streams = await asyncio.open_connection(host, int(port))
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Broker:
    """One of the two brokers, during one run of steps.

    `name` gives names to topics and groups that no other run uses, the same for both brokers.
    """

    def __init__(self, address: str, prefix: str, newest: Mapping[str, int]) -> None:
        self.transcript: Transcript = []
        self.ids: dict[str, str] = {}  # of topics
        self._address = address
        self._prefix = prefix
        self._newest = newest
        self._connections: dict[str, Connection] = {}
        self._normaliser = Normaliser(prefix)

    def name(self, name: str) -> str:
        return f"{self._prefix}{name}"

    @property
    def served(self) -> Collection[str]:
        """The APIs that both brokers have."""
        return self._newest.keys()

    def newest(self, api: str) -> int:
        """The newest version that both brokers and the codec have."""
        return self._newest[api]

    def common(self, api: str) -> list[int]:
        """All versions up to that one."""
        return [version for version in versions(api) if version <= self.newest(api)]

    async def ask(
        self,
        api: str,
        version: int | None = None,
        *,
        label: str = "",
        client: str = "client",
        only: Callable[[dict[str, Any]], Any] | None = None,
        patience: float = PATIENCE,
        **body: Any,
    ) -> dict[str, Any]:
        """Send a request and record the answer, or that part of it that `only` selects."""
        version = self.newest(api) if version is None else version
        place = self._reserve(f"{label or api} v{version}")
        answer = await self.connection(client).ask(api, version, body, patience)
        self._fill(place, only(answer) if only and answer not in (CLOSED, SILENT) else answer)
        return answer

    def start(self, api: str, version: int | None = None, **how: Any) -> asyncio.Task[Any]:
        """Send a request that is answered later; needs a `client` of its own."""
        return asyncio.create_task(self.ask(api, version, **how))

    async def quietly(self, api: str, version: int | None = None, **body: Any) -> dict[str, Any]:
        """Ask without recording, for what only prepares or differs by nature."""
        client = body.pop("client", "client")
        version = self.newest(api) if version is None else version
        return await self.connection(client).ask(api, version, body)

    def note(self, label: str, value: Any) -> None:
        """Record something that was found out otherwise."""
        self._fill(self._reserve(label), value)

    def connection(self, client: str = "client") -> Connection:
        if client not in self._connections:
            self._connections[client] = Connection(self._address, client)
        return self._connections[client]

    def _reserve(self, label: str) -> int:
        self.transcript.append((label, SILENT))
        return len(self.transcript) - 1

    def _fill(self, place: int, value: Any) -> None:
        self.transcript[place] = (self.transcript[place][0], self._normaliser.tidy(value))

    async def topic(self, name: str, partitions: int = 1, **configs: str) -> str:
        """Create a topic, whose id is then in `ids`; returns its full name. A failure is noted."""
        full = self.name(name)
        answer = await self.quietly(
            "create_topics",
            topics=[
                {
                    "name": full,
                    "num_partitions": partitions,
                    "replication_factor": 1,
                    "configs": [
                        {"name": key.replace("_", "."), "value": value}
                        for key, value in configs.items()
                    ],
                }
            ],
            timeout=10_000,
        )
        (created,) = answer["topics"]
        if created["error_code"] != "none":
            self.note(f"topic {name}", created)
            return full
        self.ids[full] = created["topic_id"]
        self._normaliser.label("topic id", created["topic_id"], f"~{name}")
        await self.known(full)
        return full

    async def known(self, topic: str, *, gone: bool = False) -> None:
        """Wait until a real broker has heard from its controller that a topic is there or gone."""
        body = {"topics": [{"name": topic}], "allow_auto_topic_creation": False}
        while True:
            (told,) = (await self.quietly("metadata", **body))["topics"]
            led = {each["error_code"] for each in told["partitions"]} == {"none"}
            if gone and told["error_code"] != "none":
                return
            if led and not gone and await self._served(topic, len(told["partitions"])):
                return

    async def settled_configs(self, topic: str, name: str, value: str) -> None:
        """Wait until a real broker has heard of a setting."""
        asked = [{"resource_type": 2, "resource_name": topic, "configuration_keys": [name]}]
        async with asyncio.timeout(PATIENCE):
            while True:
                (told,) = (await self.quietly("describe_configs", resources=asked))["results"]
                if [each["value"] for each in told["configs"]] == [value]:
                    return
                await asyncio.sleep(0.01)

    async def _served(self, topic: str, partitions: int) -> bool:
        asked = [{"partition_index": index, "timestamp": -1} for index in range(partitions)]
        body = {"topics": [{"name": topic, "partitions": asked}], "replica_id": -1}
        (told,) = (await self.quietly("list_offsets", **body))["topics"]
        return all(each["error_code"] == "none" for each in told["partitions"])

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class Pair(NamedTuple):
    """This broker and the real one."""

    simulator: str
    kafka: str
    newest: Mapping[str, int]

    async def play(self, steps: Steps) -> tuple[Transcript, Transcript]:
        """Let both do the steps; returns what each answered."""
        prefix = f"c{uuid4().hex[:10]}-"
        ours = Broker(self.simulator, prefix, self.newest)
        theirs = Broker(self.kafka, prefix, self.newest)
        try:
            await asyncio.gather(steps(ours), steps(theirs))
        finally:
            ours.close()
            theirs.close()
        return ours.transcript, theirs.transcript


def compared(simulator: str, kafka: str) -> Pair:
    """Two brokers by their addresses."""
    newest = asyncio.run(_newest(simulator, kafka))
    asyncio.run(_warmed_up(kafka, newest["find_coordinator"]))
    return Pair(simulator, kafka, newest)


async def _warmed_up(address: str, version: int) -> None:
    """Wait until the broker has its coordinators, whose topics it makes at the first request."""
    connection = Connection(address, "warm-up")
    for kind, key in ((0, "g"), (1, "t"), (2, "g:5ca1ab1e-0000-4000-8000-000000000001:0")):
        asked = {"key_type": kind, "coordinator_keys": [key]}
        while True:
            answer = await connection.ask("find_coordinator", version, asked)
            if answer["coordinators"][0]["error_code"] != "coordinator_not_available":
                break
    # The coordinator of a group answers when it has loaded the group's partition.
    described = {"groups": ["g"]}
    while True:
        (group,) = (await connection.ask("describe_groups", 5, described))["groups"]
        if group["error_code"] == "none":
            break
    while (await connection.ask("init_producer_id", 1, {}))["error_code"] != "none":
        pass
    connection.close()


async def _newest(*addresses: str) -> dict[str, int]:
    """The newest version of each API that all brokers and the codec have."""
    newest = {api: versions(api)[-1] for api in api_keys()}
    for address in addresses:
        connection = Connection(address, "versions")
        answer = await connection.ask("api_versions", 0, {})
        connection.close()
        told = {each["api_key"]: each["max_version"] for each in answer["api_keys"]}
        newest = {
            api: min(highest, told[api_keys()[api]])
            for api, highest in newest.items()
            if api_keys()[api] in told
        }
    return newest
