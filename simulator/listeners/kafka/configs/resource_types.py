"""What has settings and what may be done with them, in the numbers of the protocol."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Code(IntEnum):
    """Error codes of this room."""

    UNKNOWN_SERVER_ERROR = -1
    UNKNOWN_TOPIC_OR_PARTITION = 3
    INVALID_TOPIC_EXCEPTION = 17
    INVALID_CONFIG = 40
    INVALID_REQUEST = 42
    POLICY_VIOLATION = 44


class ResourceType(IntEnum):
    """What has settings, by the numbers of the protocol."""

    TOPIC = 2
    BROKER = 4
    BROKER_LOGGER = 8
    CLIENT_METRICS = 16
    GROUP = 32


class Operation(IntEnum):
    """What IncrementalAlterConfigs does with a value."""

    SET = 0
    DELETE = 1
    APPEND = 2
    SUBTRACT = 3


class Refused(Exception):
    """A resource that cannot be described or changed, with the error code of a broker."""

    def __init__(self, code: int, text: str | None) -> None:
        self.code = code
        self.text = text
        super().__init__(text)


class Change(NamedTuple):
    """A setting to be changed."""

    name: str
    operation: int
    value: str | None


def invalid(text: str) -> Refused:
    """A request that cannot be."""
    return Refused(Code.INVALID_REQUEST, text)
