"""The features of a cluster that has been finalized with the newest of each (KIP-584).

Clients ask for consumer groups (KIP-848) where `group.version` is 1, and go by
`transaction.version` in transactions. A feature is told as soon as it is served.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Feature(NamedTuple):
    """The levels that the brokers know, and the one that the cluster is at."""

    name: str
    lowest: int
    highest: int
    level: int


FEATURES: Final = (
    Feature("group.version", 0, 1, 1),
    Feature("transaction.version", 0, 2, 2),
)

EPOCH: Final = 1
"""Of the finalized features: they have been finalized once."""
