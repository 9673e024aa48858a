"""Small AsyncAPI documents for tests."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import orjson

from simulator.catalog import Catalog

ENVELOPE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "version": {"type": "integer"},
        "name": {"type": "string"},
    },
}


def event_schema(**payload: Any) -> dict[str, Any]:
    """An event with an envelope, and a payload of these properties."""
    return {
        "allOf": [
            {"$ref": "#/components/schemas/envelope"},
            {
                "type": "object",
                "properties": {"payload": {"type": "object", "properties": payload}},
            },
        ]
    }


def document(
    messages: Mapping[str, Any] | None = None,
    channels: Mapping[str, Any] | None = None,
    schemas: Mapping[str, Any] | None = None,
    **rest: Any,
) -> dict[str, Any]:
    """A document; without `channels`, one channel `things` that carries every message."""
    messages = dict(messages or {})
    references = [{"$ref": f"#/components/messages/{name}"} for name in messages]
    if channels is None:
        channels = {"things": {"publish": {"message": {"oneOf": references}}}}
    return copy.deepcopy(
        {
            "asyncapi": "2.6.0",
            "info": {"title": "Things", "version": "1"},
            "channels": dict(channels),
            "components": {
                "messages": messages,
                "schemas": {"envelope": ENVELOPE, **(schemas or {})},
            },
            **rest,
        }
    )


def catalog(*arguments: Any, descriptor_set: bytes | None = None, **rest: Any) -> Catalog:
    """The catalogue of such a document, written as JSON."""
    text = orjson.dumps(document(*arguments, **rest)).decode()
    return Catalog.from_text(text, "things.json", descriptor_set)


def schema_catalog(schema: Mapping[str, Any], **schemas: Any) -> Catalog:
    """A catalogue whose one event, `thing` on topic `things`, has this schema."""
    return catalog({"thing": {"payload": dict(schema)}}, schemas=schemas)
