"""What cannot be served: unknown APIs, versions and frames."""

from __future__ import annotations

import struct

from brokers import Broker
from messages import api_keys, frame, versions
from steps import steps

UNKNOWN_APIS = (-1, 4, 5, 6, 7, 52, 63, 95, 500, 32767)


def framed(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def described(answer: bytes | None) -> str:
    """What came back for bytes that are no request of any schema."""
    if answer is None:
        return "closed"
    return answer.hex(" ") if answer else "silent"


@steps
async def protocol_of_unknown_apis(broker: Broker) -> None:
    for key in UNKNOWN_APIS:
        for version in (0, 1):
            header = struct.pack(">hhih", key, version, 7, -1)
            answer = await broker.connection().exchange(framed(header + b"\0" * 20))
            broker.note(f"API {key} version {version}", described(answer))


@steps
async def protocol_of_unknown_versions(broker: Broker) -> None:
    """Each API that both serve, in the version after the newest and in ones that never were."""
    for api, key in api_keys().items():
        if api not in broker.served or api == "api_versions":
            continue
        for version in (-1, max(broker.newest(api), versions(api)[-1]) + 2, 99, 32767):
            header = struct.pack(">hhih", key, version, 7, -1)
            answer = await broker.connection().exchange(framed(header + b"\0" * 20))
            broker.note(f"{api} version {version}", described(answer))
        for version in range(versions(api)[0]):
            header = struct.pack(">hhih", key, version, 7, -1)
            answer = await broker.connection().exchange(framed(header + b"\0" * 20))
            broker.note(f"{api} version {version}, that was once", described(answer))


@steps
async def protocol_of_unknown_versions_of_api_versions(broker: Broker) -> None:
    for version in (-1, 6, 99, 32767):
        header = struct.pack(">hhih", 18, version, 7, -1)
        answer = await broker.connection().exchange(framed(header + b"\0\0\0"))
        broker.note(f"begins {version}", None if answer is None else answer[:6].hex(" "))
        ranges = {} if answer is None else told(answer[10:])
        broker.note(f"tells {version}", {str(key): ranges[key] for key in ranges if key < 4})


def told(data: bytes) -> dict[int, str]:
    return {
        key: f"{low} to {high}"
        for key, low, high in struct.iter_unpack(">hhh", data[: len(data) // 6 * 6])
    }


@steps
async def protocol_of_bad_frames(broker: Broker) -> None:
    request = frame("metadata", 1, 7, {"topics": []}, "client")
    cases = {
        "size 0": struct.pack(">i", 0),
        "size -1": struct.pack(">i", -1),
        "size too large": struct.pack(">i", 104_857_601),
        "size 1": framed(b"\0"),
        "size 7": framed(b"\0\3\0\1\0\0\0"),
        "no client id": framed(struct.pack(">hhi", 3, 1, 7)),
        "header alone": framed(struct.pack(">hhih", 3, 1, 7, -1)),
        "cut short": framed(request[4:-1]),
        "client id too long": framed(struct.pack(">hhih", 3, 1, 7, 9999) + b"x"),
        "array too long": framed(struct.pack(">hhihi", 3, 1, 7, -1, 1 << 30)),
        "array of -2": framed(struct.pack(">hhihi", 3, 1, 7, -1, -2)),
        "string of -2": framed(struct.pack(">hhihih", 3, 1, 7, -1, 1, -2)),
        "no UTF-8": framed(struct.pack(">hhihih", 3, 1, 7, -1, 1, 2) + b"\xff\xfe"),
        "tag unknown": framed(struct.pack(">hhih", 3, 9, 7, -1) + b"\1\5\1x\1\0\0\0\0"),
    }
    for label, data in cases.items():
        answer = await broker.connection(label).exchange(data, 0.5)
        broker.note(label, "answered" if answer else described(answer))


@steps
async def protocol_of_bytes_behind_a_request(broker: Broker) -> None:
    request = frame("metadata", 1, 7, {"topics": []}, "client")
    answer = await broker.connection().exchange(framed(request[4:] + b"\0\0"))
    broker.note("answered", bool(answer))


@steps
async def protocol_of_requests_sent_ahead(broker: Broker) -> None:
    """Answers come in the order of the requests, also behind one that waits."""
    topic = await broker.topic("t")
    place = {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
    body = {
        "replica_id": -1,
        "max_wait": 100,
        "min_bytes": 1,
        "max_bytes": 1000,
        "topics": [{"topic": topic, "partitions": [place]}],
    }
    waiting = frame("fetch", 4, 1, body, "client")
    metadata = frame("metadata", 1, 2, {"topics": []}, "client")
    connection = broker.connection()
    first = await connection.exchange(waiting + metadata)
    broker.note("first", first[:4].hex(" ") if first else described(first))
    second = await connection.exchange(b"")
    broker.note("second", second[:4].hex(" ") if second else described(second))
