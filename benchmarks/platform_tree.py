"""A directory tree of specifications as large, and as irregular, as the platform's own.

42 AsyncAPI documents, 115 channels, 436 events, and a `.proto` beside each document, all made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from simulator.catalog.naming import pascal, service

DOCUMENTS = 42
CHANNELS = 115
EVENTS = 436

DOTTED_CHANNEL = "group1.groupCreated"
"""A channel whose name has a dot."""
ODD_CLASS = ("happened56", "Happened56Payload")
"""An event, and the name of its message, which does not follow the event's."""

TWICE = ("channel0", "happened0")
"""A channel and an event of it that two documents have."""

_TYPES = (
    ("string", "uuid", "string"),
    ("string", "", "string"),
    ("integer", "int64", "int64"),
    ("boolean", "", "bool"),
    ("number", "", "double"),
    ("string", "date-time", "string"),
)
_ENVELOPE = (
    *("id", "version", "name", "namespace", "parentNamespace", "timestamp", "clientId"),
    *("userId", "traceId", "sessionId", "spanContext"),
)


def write_tree(root: Path) -> None:
    """Write the tree below `root`, which need not exist."""
    channels = list(_channels())
    shared = root / "shared/types/v1/types.proto"
    shared.parent.mkdir(parents=True)
    shared.write_text(
        'syntax = "proto3";\npackage made.shared.types.v1;\nmessage Tag { string text = 1; }\n'
    )
    per_document = -(-len(channels) // (DOCUMENTS - 1))
    for number in range(DOCUMENTS):
        mine = channels[number * per_document : (number + 1) * per_document]
        if number == DOCUMENTS - 2:
            mine = [*mine, channels[0]]
        folder = root / f"domain{number % 6}/service{number}/v1"
        folder.mkdir(parents=True)
        package = f"made.domain{number % 6}.service{number}.v1"
        (folder / f"service{number}.yaml").write_text(_document(number, package, mine))
        (folder / f"service{number}.proto").write_text(_proto(package, mine))


Channel = tuple[str, list[tuple[str, str]]]
"""A name, and the events with the names of their messages."""


def _channels() -> Iterator[Channel]:
    number = 0
    for channel in range(CHANNELS):
        name = DOTTED_CHANNEL if channel == 1 else f"channel{channel}"
        last = EVENTS * (channel + 1) // CHANNELS
        events: list[tuple[str, str]] = []
        while number < last:
            event = f"happened{number}"
            odd = number % 50 == 6
            if channel == 1 and not events:
                event = "groupCreated"
            events.append((event, f"{pascal(event)}Payload" if odd else pascal(event)))
            number += 1
        yield name, events


def _fields(event: str) -> list[tuple[str, str, str, str]]:
    """The name, JSON type, format and protobuf type of each field of an event."""
    return [
        (f"{event}_{kind}_{place}", *_TYPES[(place + len(event)) % len(_TYPES)])
        for place, kind in enumerate(("who", "what", "how", "when", "why", "where", "with")[:6])
    ]


def _document(number: int, package: str, channels: list[Channel]) -> str:
    lines = [
        'asyncapi: "2.0.0"',
        f"info: {{title: Service {number}, version: 0.1.0}}",
        f"x-proto-package: {package}",
        "channels:" if channels else "channels: {}",
    ]
    for name, events in channels:
        lines += [f"  {name}:", "    publish:", "      message:"]
        refs = [f'$ref: "#/components/messages/{event}"' for event, _ in events]
        if len(refs) == 1:
            lines.append(f"        {refs[0]}")
        else:
            lines += ["        oneOf:", *(f"          - {ref}" for ref in refs)]
    lines += ["components:", "  messages:"]
    for _, events in channels:
        for event, message in events:
            lines += [
                f"    {event}:",
                f"      name: {message}",
                "      payload:",
                "        allOf:",
                '          - $ref: "#/components/schemas/envelope"',
                f'          - $ref: "#/components/schemas/{event}"',
            ]
    lines += ["  schemas:", "    envelope:", "      type: object", "      properties:"]
    for field in _ENVELOPE:
        kind = "integer" if field == "version" else "string"
        form = ", format: date-time" if field == "timestamp" else ""
        lines.append(f"        {field}: {{type: {kind}{form}, description: The {field}}}")
    for _, events in channels:
        for event, _message in events:
            lines += [
                f"    {event}:",
                "      type: object",
                "      properties:",
                "        payload:",
                "          type: object",
                "          properties:",
                f"            {event}:",
                "              type: object",
                "              properties:",
            ]
            for field, kind, form, _ in _fields(event):
                more = f", format: {form}" if form else ""
                lines.append(f"                {field}: {{type: {kind}{more}}}")
            lines.append("                tags: {type: array, items: {type: string}}")
    return "\n".join(lines) + "\n"


def _proto(package: str, channels: list[Channel]) -> str:
    lines = [
        'syntax = "proto3";',
        f"package {package};",
        'import "google/protobuf/empty.proto";',
        'import "shared/types/v1/types.proto";',
    ]
    for name, events in channels:
        for event, message in events:
            lines.append(f"message {message}Data {{")
            for number, (field, _, _, kind) in enumerate(_fields(event), 1):
                lines.append(f'  {kind} {field} = {number} [json_name = "{field}"];')
            lines += [
                "  repeated string tags = 20;",
                "  made.shared.types.v1.Tag tag = 21;",
                "}",
                f"message {message}PayloadData {{",
                f'  {message}Data data = 1 [json_name = "{event}"];',
                "}",
                f"message {message} {{",
                f"  {message}PayloadData payload = 1;",
            ]
            for number, field in enumerate(_ENVELOPE, 2):
                kind = "int64" if field == "version" else "string"
                lines.append(f'  {kind} {field.lower()} = {number} [json_name = "{field}"];')
            lines += [
                "}",
                f"service {service(name, event)} {{",
                f"  rpc OnMessage({message}) returns (google.protobuf.Empty);",
                "}",
            ]
    return "\n".join(lines) + "\n"
