"""Client quotas: kept and told, by entity. Nobody is throttled by them.

The rules are those of Kafka's controller (`ClientQuotaControlManager`, KIP-546, KIP-612).
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from simulator.listeners.kafka.errors import ListenerError

USER, CLIENT, IP = "user", "client-id", "ip"

_OF_CLIENTS: Final = {
    "producer_byte_rate": False,
    "consumer_byte_rate": False,
    "request_percentage": True,
    "controller_mutation_rate": True,
}
_KEYS: Final = {
    USER: _OF_CLIENTS,
    CLIENT: _OF_CLIENTS,
    IP: {"connection_creation_rate": False},
}
"""Whether a quota may be a fraction, by the type of the entity."""

MAX_ENTITIES: Final = 10_000

_EPSILON: Final = 1e-6
_LONGEST: Final = (1 << 63) - 1

Entity = tuple[tuple[str, str | None], ...]
"""Types and names, sorted by type; None is the default of a type."""


class InvalidQuota(ListenerError):
    """A quota or entity that cannot be, in the words of a broker."""


class UnknownEntityType(ListenerError):
    """A filter for entities that there are not."""


class Match(IntEnum):
    """What a filter asks of the name of an entity."""

    EXACT = 0
    DEFAULT = 1
    SPECIFIED = 2


class Component(NamedTuple):
    """One part of a filter."""

    type: str
    match: int
    name: str | None


class ClientQuotas:
    """The quotas of a cluster."""

    def __init__(self) -> None:
        self._quotas: dict[Entity, dict[str, float]] = {}

    def reset(self) -> None:
        """Forget all quotas."""
        self._quotas.clear()

    def alter(
        self, entity: Entity, changes: Sequence[tuple[str, float | None]], *, dry: bool
    ) -> None:
        """Set the quotas of an entity, None removes one; raises InvalidQuota.

        With `dry` it is only checked.
        """
        allowed = _allowed(entity)
        for key, value in changes:
            if value is None:
                continue
            if key not in allowed:
                raise InvalidQuota(f"Invalid configuration key {key}")
            if not value > 0:
                raise InvalidQuota(f"Quota {key} must be greater than 0")
            if not allowed[key] and not _is_whole(value):
                raise InvalidQuota(f"{key} cannot be a fractional value.")
        if dry:
            return
        if entity not in self._quotas and len(self._quotas) >= MAX_ENTITIES:
            raise InvalidQuota(f"There are quotas of {MAX_ENTITIES} entities already.")
        kept = self._quotas.setdefault(entity, {})
        for key, value in changes:
            if value is None:
                kept.pop(key, None)
            else:
                kept[key] = value
        if not kept:
            del self._quotas[entity]

    def find(
        self, components: Sequence[Component], *, strict: bool
    ) -> Iterator[tuple[Entity, Mapping[str, float]]]:
        """The entities that every component holds for; if `strict`, those with no other types.

        Raises InvalidQuota or UnknownEntityType.
        """
        _check(components)
        return (
            (entity, dict(quotas))
            for entity, quotas in self._quotas.items()
            if all(_holds(component, entity) for component in components)
            and (not strict or len(entity) == len(components))
        )


def described(entity: Entity) -> str:
    """An entity as a broker names it in its errors."""
    entries = ", ".join(f"{kind}={name}" for kind, name in entity)
    return f"ClientQuotaEntity(entries={{{entries}}})"


def _allowed(entity: Entity) -> Mapping[str, bool]:
    """The quotas that an entity can have; raises InvalidQuota for one that cannot be."""
    if not entity:
        raise InvalidQuota("Invalid empty client quota entity")
    for kind, name in entity:
        if kind not in _KEYS:
            raise InvalidQuota(f"Unhandled client quota entity type: {kind}")
        if name == "":
            raise InvalidQuota(f"Empty {kind} not supported")
    kinds = [kind for kind, _ in entity]
    if IP in kinds and len(kinds) > 1:
        raise InvalidQuota(
            "Invalid quota entity combination, IP entity shouldnot be combined with User or "
            "ClientId"
        )
    if IP in kinds:
        _check_address(entity[0][1])
    return _KEYS[kinds[0]]


def _is_whole(value: float) -> bool:
    """Whether that is a whole number, as exactly as Kafka looks."""
    return math.isfinite(value) and abs(min(int(value + _EPSILON), _LONGEST) - value) <= _EPSILON


def _check_address(name: str | None) -> None:
    """Refuse what is no address; other names than localhost are not looked up."""
    if name in (None, "localhost"):
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise InvalidQuota(f"{name} is not a valid IP or resolvable host.") from None


def _check(components: Sequence[Component]) -> None:
    seen: set[str] = set()
    for kind, match, name in components:
        if not kind:
            raise InvalidQuota("Invalid empty entity type.")
        if kind in seen:
            raise InvalidQuota(f"Entity type {kind} cannot appear more than once in the filter.")
        seen.add(kind)
        if match not in tuple(Match):
            raise InvalidQuota(f"Unknown match type {match}")
        if match == Match.EXACT and name is None:
            raise InvalidQuota("Request specified MATCH_TYPE_EXACT, but set match string to null.")
        if match != Match.EXACT and name is not None:
            raise InvalidQuota(
                f"Request specified MATCH_TYPE_{Match(match).name}, but also specified a match "
                "string."
            )
        if kind not in _KEYS:
            raise UnknownEntityType(f"Unsupported entity type {kind}")
    if IP in seen and len(seen) > 1:
        raise InvalidQuota(
            "Invalid entity filter component combination. IP filter component should not be used "
            "with user or clientId filter component."
        )


def _holds(component: Component, entity: Entity) -> bool:
    names = dict(entity)
    if component.type not in names:
        return False
    name = names[component.type]
    if component.match == Match.EXACT:
        return name == component.name
    return name is None if component.match == Match.DEFAULT else True
