"""What the specification says, as published: its tables and its generated examples.

Source: Chat Events 0.1.0. In the examples one value is changed: `name`, which is "string" there,
since the catalogue takes it for the name of the event.
"""

from __future__ import annotations

import copy
from typing import Any

ENVELOPE_FIELDS = {
    "id": ("string", "", ""),
    "version": ("integer", "", ""),
    "name": ("string", "", ""),
    "namespace": ("string", "", ""),
    "parentNamespace": ("string", "", ""),
    "timestamp": ("string", "date-time", ""),
    "clientId": ("string", "", ""),
    "userId": ("string", "", "UserId of the operator for this event (optional)"),
    "traceId": ("string", "", ""),
    "sessionId": ("string", "", ""),
    "spanContext": ("string", "", ""),
}
MESSAGE = "payload.personalChatSent"
DISCONNECTION = {
    "payload": ("object", "", ""),
    "payload.userDisconnected": ("object", "", ""),
    "payload.userDisconnected.reason": ("string", "", ""),
    "payload.userDisconnected.code": ("integer", "", ""),
    "payload.userDisconnected.forced": ("boolean", "", ""),
    **ENVELOPE_FIELDS,
}
FIELDS: dict[tuple[str, str], dict[str, tuple[str, str, str]]] = {
    ("personalChat", "personalChatSent"): {
        "payload": ("object", "", ""),
        MESSAGE: ("object", "", ""),
        f"{MESSAGE}.message_id": ("string", "uuid", ""),
        f"{MESSAGE}.sender_id": ("string", "uuid", ""),
        f"{MESSAGE}.target_id": ("string", "uuid", "Can be partyId or userId"),
        f"{MESSAGE}.payload": ("string", "", ""),
        f"{MESSAGE}.target_type": ("string", "", ""),
        f"{MESSAGE}.target_members": ("array", "", ""),
        f"{MESSAGE}.target_members[]": ("string", "", ""),
        **ENVELOPE_FIELDS,
    },
    ("chat", "userConnected"): {
        "payload": ("object", "", ""),
        "payload.userConnected": ("object", "", ""),
        **ENVELOPE_FIELDS,
    },
    ("chat", "userDisconnected"): DISCONNECTION,
    ("chat", "userChatRateLimited"): DISCONNECTION,
}
"""(topic, event) -> dotted path -> type, format, description; in the order of the specification."""

_ENVELOPE = {
    "id": "string",
    "version": 0,
    "name": "string",
    "namespace": "string",
    "parentNamespace": "string",
    "timestamp": "2019-08-24T14:15:22Z",
    "clientId": "string",
    "userId": "string",
    "traceId": "string",
    "sessionId": "string",
    "spanContext": "string",
}
_EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "personalChatSent": (
        "personalChat",
        {
            "personalChatSent": {
                "message_id": "d7d9d9fd-478f-40e6-b651-49b7f19878a2",
                "sender_id": "3194e023-c19f-4a42-9172-9e18d68e3a3a",
                "target_id": "d3bcdc92-4191-401b-ad0c-42056c6efab9",
                "payload": "string",
                "target_type": "string",
                "target_members": ["string"],
            }
        },
    ),
    "userConnected": ("chat", {"userConnected": {}}),
    "userDisconnected": (
        "chat",
        {"userDisconnected": {"reason": "string", "code": 0, "forced": True}},
    ),
    "userChatRateLimited": (
        "chat",
        {"userDisconnected": {"reason": "string", "code": 0, "forced": True}},
    ),
}
EVENTS = tuple(_EXAMPLES)
TOPICS = {name: topic for name, (topic, _) in _EXAMPLES.items()}


def example(name: str, **envelope: Any) -> dict[str, Any]:
    """A fresh copy of an event's example, with some of the envelope's values replaced."""
    payload = copy.deepcopy(_EXAMPLES[name][1])
    return {"payload": payload, **_ENVELOPE, "name": name, **envelope}


def with_value(name: str, path: str, value: Any) -> dict[str, Any]:
    """An example with the value at a dotted path replaced."""
    event = example(name)
    *parents, last = path.split(".")
    node = event
    for part in parents:
        node = node[part]
    node[last] = value
    return event
