"""The event that `simulator produce` is asked for: of documents, or of the running simulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.cli.failures import CommandFailed

if TYPE_CHECKING:
    from simulator.catalog import Catalog
    from simulator.cli.client import Client


class WantedEvent(NamedTuple):
    """A legal event, and whether its envelope has to be renewed."""

    name: str
    example: dict[str, Any]
    has_envelope: bool


def of_catalog(catalog: Catalog, topic: str, name: str, *, validate: bool) -> WantedEvent:
    """The event of this name; what is not validated may also go where it does not belong.

    The server may have put a prefix before the catalogue's topic.
    """
    if topic in catalog.channels and validate:
        message = catalog.message(topic, name)
    else:
        found = [message for message in catalog.messages if message.name == name]
        meant = [message for message in found if topic.endswith(message.channel)]
        message = meant[0] if len(meant) == 1 else catalog.find(name)
    return WantedEvent(message.name, message.example, message.has_envelope)


def of_server(client: Client, topic: str, name: str) -> WantedEvent:
    """The same, as a running simulator knows it; whether it may go there, the simulator says."""
    found = list(client.events(event=name))
    here = [event for event in found if event.topic == topic] or found
    if len(here) > 1:
        topics = ", ".join(event.topic for event in here)
        raise CommandFailed(f"event {name} belongs to topics {topics}, and {topic} is none of them")
    event = here[0]
    return WantedEvent(event.event, json.loads(event.example), event.has_envelope)
