"""`service`: settings of the simulated chat service."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import (
    BOOLEAN,
    CODE,
    Choice,
    Duration,
    Integer,
    Kind,
    Literal,
    Schema,
    alternatives,
)
from simulator.scenario.parser.records import Field, Record
from simulator.scenario.script import ServiceSettings
from simulator.scenario.yaml_nodes import Node, ScalarNode

OFF = "off"
_ABOVE_ZERO = Duration(minimum=1)
_NUMBER = Integer(1, 1_000_000_000)
_REASON = Literal()


class _OrOff(Kind[dict[str, Any]]):
    """A rule of the service, or `off`."""

    def __init__(self, rule: Record, switch: str) -> None:
        """`switch` is the key that is 0 when the rule is off."""
        self._rule = rule
        self._switch = switch

    def _read(self, node: Node, context: Context) -> dict[str, Any]:
        if isinstance(node, ScalarNode):
            if node.value == OFF or node.value is False:
                return {self._switch: 0}
            raise context.expected(f"'{OFF}', or a mapping", node)
        return dict(self._rule.read(node, context))

    def _schema(self) -> Schema:
        return alternatives({"enum": [OFF, False]}, self._rule.schema())


_RATE_LIMIT = Record(
    "rate_limit",
    {
        "messages": Field(_NUMBER, "How many messages ...", required=True),
        "per": Field(_ABOVE_ZERO, "... in how long.", required=True),
    },
)
_SPAM = Record(
    "spam",
    {
        "repeats": Field(Integer(2, 1_000_000_000), "The same text so often ...", required=True),
        "within": Field(_ABOVE_ZERO, "... in so long ...", required=True),
        "mute": Field(_ABOVE_ZERO, "... mutes the sender for so long.", required=True),
    },
)
_RATE_LIMITED = Record(
    "rate_limited",
    {
        "code": Field(CODE, "Default: 20007."),
        "reason": Field(_REASON, "Default: too many requests."),
        "forced": Field(BOOLEAN, "Default: false."),
        "disconnects": Field(BOOLEAN, "Whether the session ends as well. Default: false."),
        "disconnect_code": Field(CODE, "With this code. Default: 4099."),
    },
)
_DISCONNECTED = Record(
    "disconnected",
    {
        "code": Field(CODE, "Default: 1000."),
        "reason": Field(_REASON, "Default: normal closure."),
    },
)
_TARGET_TYPE = Record(
    "target_type",
    {
        "user": Field(_REASON, "The word for a message to a user. Default: user."),
        "party": Field(_REASON, "The word for a message to a party. Default: party."),
    },
)

SERVICE = Record(
    "service",
    {
        "rate_limit": Field(
            _OrOff(_RATE_LIMIT, "messages"), "A token bucket per user. Default: 10 per 1s."
        ),
        "spam": Field(_OrOff(_SPAM, "repeats"), "Repeated texts mute. Default: off."),
        "max_message_length": Field(_NUMBER, "Longer messages are dropped. Default: none are."),
        "max_users": Field(_NUMBER, "Users connected at once. Default: no limit."),
        "multiple_sessions": Field(
            Choice("replace", "allow", "refuse"),
            "What a second login of a user does to the first. Default: replace.",
        ),
        "rate_limited": Field(_RATE_LIMITED, "What a rate-limited user gets."),
        "disconnected": Field(_DISCONNECTED, "What an ordinary disconnect says."),
        "target_type": Field(_TARGET_TYPE, "Words for what a message is addressed to."),
        "target_members": Field(
            Choice("all", "others"), "Who is listed: all, or all but the sender. Default: all."
        ),
    },
)

_SETTINGS = {
    "rate_limit.messages": "rate_limit_messages",
    "rate_limit.per": "rate_limit_window",
    "spam.repeats": "spam_repeats",
    "spam.within": "spam_window",
    "spam.mute": "spam_mute",
    "rate_limited.code": "rate_limited_code",
    "rate_limited.reason": "rate_limited_reason",
    "rate_limited.forced": "rate_limited_forced",
    "rate_limited.disconnects": "rate_limited_disconnects",
    "rate_limited.disconnect_code": "rate_limited_disconnect_code",
    "disconnected.code": "disconnect_code",
    "disconnected.reason": "disconnect_reason",
    "target_type.user": "target_type_user",
    "target_type.party": "target_type_party",
    **{
        key: key
        for key in ("max_message_length", "max_users", "multiple_sessions", "target_members")
    },
}
"""From the script's keys to the fields of ServiceSettings."""

assert set(_SETTINGS.values()) == {field.name for field in fields(ServiceSettings)}


class ServiceKind(Kind[dict[str, Any]]):
    """The settings that a script makes, by the names of ServiceSettings' fields."""

    def _read(self, node: Node, context: Context) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for key, value in SERVICE.read(node, context).items():
            if isinstance(value, dict):
                for inner, setting in value.items():
                    settings[_SETTINGS[f"{key}.{inner}"]] = setting
            else:
                settings[_SETTINGS[key]] = value
        return settings

    def _schema(self) -> Schema:
        return SERVICE.schema()
