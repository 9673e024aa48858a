"""What must differ between two brokers is given names that are the same for both.

Ids become labels in the order in which they are seen, the present time becomes `now`, addresses
and checksums that follow from these become words. Everything else stays as the broker said it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from crc32c import crc32c

NO_UUID = "00000000-0000-0000-0000-000000000000"
MODERN = 1_600_000_000_000
"""Timestamps after this, in ms, come from a broker's clock; steps use older ones."""

_LABELLED = {
    "topic_id": "topic id",
    "member_id": "member",
    "leader": "member",
    "producer_id": "producer id",
    "session_id": "session",
    "share_session_id": "session",
}
_SESSIONS = ("session_id", "share_session_id")
_NO_ID = (("", NO_UUID, -1), (0, -1))  # 0 is the first id of a producer, but no session's
_WORDS = {"host": "host", "port": "port", "cluster_id": "cluster", "client_host": "client host"}
_UNORDERED = re.compile(
    r"topics|responses|partitions|groups|members|configs|brokers|nodes|results|api_keys|errored_|owned|synonyms|producers|transaction_states|unstable|entries|aborted"
)
_BATCH = struct.Struct(">qiibIhiqqqhii")
_BATCH_FIELDS = (
    "base_offset",
    "length",
    "leader_epoch",
    "magic",
    "crc",
    "attributes",
    "last_offset_delta",
    "base_timestamp",
    "max_timestamp",
    "producer_id",
    "producer_epoch",
    "base_sequence",
    "count",
)


class Normaliser:
    """Names for what one broker has told in one run of the steps."""

    def __init__(self, prefix: str) -> None:
        """`prefix` is what names of this run begin with."""
        self._prefix = prefix
        self._labels: dict[tuple[str, Any], str] = {}
        self._texts: dict[str, str] = {}

    def label(self, kind: str, value: Any, name: str | None = None) -> str:
        """The label of an id; `name` makes it independent of the order."""
        known = self._labels.get((kind, value))
        if known is None:
            number = sum(each == kind for each, _ in self._labels) + 1
            known = self._labels[kind, value] = f"<{kind} {name or number}>"
            if isinstance(value, str) and len(value) > 8:
                self._texts[value] = known
        return known

    def tidy(self, value: Any, field: str = "") -> Any:
        """A response, or a part of it under a field's name, with everything normalised."""
        if isinstance(value, dict):
            self._learn(value)
            return {name: self.tidy(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return self._list(value, field)
        if isinstance(value, bytes):
            return self._bytes(value, field)
        if isinstance(value, bool) or value is None:
            return value
        if field in _WORDS:
            return f"<{_WORDS[field]}>"
        if field in _LABELLED and value not in _NO_ID[field in _SESSIONS]:
            return self.label(_LABELLED[field], value)
        if isinstance(value, int) and value > MODERN:
            return "<now>"
        if isinstance(value, str):
            for text, label in self._texts.items():
                value = value.replace(text, label)
            value = value.replace(self._prefix, "~")
        return value

    def _learn(self, value: Mapping[str, Any]) -> None:
        """Name the ids of topics by the topics, whatever the order they come in."""
        name = value.get("name") or value.get("topic_name")
        topic_id = value.get("topic_id")
        if isinstance(name, str) and topic_id not in (None, NO_UUID):
            self.label("topic id", topic_id, name.replace(self._prefix, "~"))

    def _list(self, value: list[Any], field: str) -> Any:
        if _UNORDERED.search(field):
            value = sorted(value, key=_own_name)  # so that ids are labelled in the same order
        tidied = _merged([self.tidy(each, field) for each in value])
        names = [each.get("name") for each in tidied if isinstance(each, dict)]
        if len(set(names) - {None}) == len(tidied) > 0:
            return {each["name"]: each for each in tidied}
        if _UNORDERED.search(field):
            return sorted(tidied, key=_sort_key)
        return tidied

    def _bytes(self, value: bytes, field: str) -> Any:
        if field == "records":
            return list(self._batches(value))
        return value.hex(" ") if field in ("metadata", "assignment", "member_metadata") else value

    def _batches(self, data: bytes) -> Iterable[Any]:
        """Each whole batch as its header's fields and the bytes of its records.

        A part of a batch at the end, which brokers may send or not, is nothing.
        """
        while len(data) >= _BATCH.size:
            batch: dict[str, Any] = dict(zip(_BATCH_FIELDS, _BATCH.unpack_from(data), strict=True))
            end = 12 + batch["length"]
            whole, data = data[:end], data[end:]
            if len(whole) < end:
                return
            batch["crc"] = "right" if crc32c(whole[21:]) == batch["crc"] else "wrong"
            batch = {name: self.tidy(each, name) for name, each in batch.items()}
            yield batch | {"records": whole[_BATCH.size :].hex(" ")}


def _merged(topics: list[Any]) -> list[Any]:
    """Topics that are there more than once, each with some of its partitions, as one."""
    found: dict[Any, dict[str, Any]] = {}
    for topic in topics:
        held = isinstance(topic, dict) and topic.keys() & {"partitions", "partition_responses"}
        if not held:
            return topics
        rest = repr({name: each for name, each in topic.items() if name not in held})
        known = found.setdefault(rest, topic)
        if known is not topic:
            known |= {name: known[name] + topic[name] for name in held}
    for topic in found.values():
        for name in topic.keys() & {"partitions", "partition_responses"}:
            topic[name] = sorted(topic[name], key=_sort_key)
    return list(found.values())


def _own_name(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    fields = ("name", "topic", "transactional_id", "group_id")
    return next((value[each] for each in fields if value.get(each)), "")


def _sort_key(value: Any) -> str:
    if not isinstance(value, dict):
        return f"{value:>20}" if isinstance(value, int) else str(value)
    first = {
        name: each for name, each in value.items() if name not in ("error_code", "error_message")
    }
    return repr(sorted(first.items(), key=lambda item: not _is_name(item[0])))


def _is_name(field: str) -> bool:
    return field in ("name", "topic", "topic_id", "group_id", "api_key", "config_name", "index")
