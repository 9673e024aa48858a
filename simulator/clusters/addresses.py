"""Where a cluster is, and which part of a story's events one of several writers takes."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Self
from zlib import crc32

from simulator.errors import SimulatorError

SCHEME: Final = "kafka://"

_SERVER: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/,\[\]]+):(\d{1,5})")


class InvalidAddress(SimulatorError):
    """A text that is no address of a cluster, or no shard."""


class ClusterAddress(NamedTuple):
    """The servers that clients of a cluster begin with, as `host:port,...`."""

    servers: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `kafka://host:port[,host:port...]`; raises InvalidAddress."""
        servers = text.removeprefix(SCHEME).rstrip("/")
        if not text.startswith(SCHEME) or not all(map(_SERVER.fullmatch, servers.split(","))):
            raise InvalidAddress(
                f"{text!r} is no cluster: write kafka://host:port, and more servers with commas"
            )
        return cls(servers)


class Shard(NamedTuple):
    """One of `total` equal parts, by user; the parts together are everything, each event once."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `I/N`, the first being 1/N; raises InvalidAddress."""
        matched = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if matched is None or not 1 <= int(matched[1]) <= int(matched[2]):
            raise InvalidAddress(f"{text!r} is no shard: write I/N, such as 1/4 to 4/4")
        return cls(int(matched[1]), int(matched[2]))

    def takes(self, user_id: object) -> bool:
        """Whether events of a user belong to this part; those of nobody belong to the first."""
        if not isinstance(user_id, str):
            return self.number == 1
        return crc32(user_id.encode("utf-8", "surrogatepass")) % self.total == self.number - 1


WHOLE: Final = Shard(1, 1)
"""Everything."""
