"""What `simulator deliver` plays in its own process, and the simulator that it is played on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simulator.cli.specs import catalog_of

if TYPE_CHECKING:
    from simulator.catalog import Catalog
    from simulator.simulator import Settings


class Stories(NamedTuple):
    """Stories, how they are played, and how long their delivery may take (seconds)."""

    names: Sequence[str]
    seed: int | None
    start: str | None
    specs: Sequence[Path]
    timeout: float
    topic_prefix: str = ""
    topic_separator: str = "."

    def catalog(self) -> Catalog:
        """The events that are known, on topics with their prefix."""
        prefix = self.topic_prefix and self.topic_prefix + self.topic_separator
        return catalog_of(self.specs).with_topic_prefix(prefix)

    def settings(self) -> Settings:
        """Of a simulator that nobody reaches from outside."""
        from simulator.simulator import Settings

        return Settings(
            grpc_port=None,
            kafka_port=None,
            catalog=catalog_of(self.specs),
            topic_prefix=self.topic_prefix,
            topic_separator=self.topic_separator,
        )
