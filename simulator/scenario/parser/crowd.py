"""`crowd`: many users, and the distributions that say when they come, write and go."""

from __future__ import annotations

import re
from fractions import Fraction

from simulator.scenario import script
from simulator.scenario.durations import UNITS
from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import (
    BOOLEAN,
    CODE,
    DURATION,
    LENGTH,
    PARAMETER,
    SPAN,
    TEXT,
    Choice,
    Integer,
    Kind,
    NameKind,
    Schema,
    alternatives,
)
from simulator.scenario.parser.people import CorpusRef
from simulator.scenario.parser.records import Field, OneOf, Record, Values
from simulator.scenario.script import Distribution, Position
from simulator.scenario.yaml_nodes import MapNode, Node, ScalarNode

DEFAULT_CORPUS = "small_talk"
MAX_USERS = 1_000_000


class DistributionKind(Kind[Distribution]):
    """A duration, or a named distribution of durations; `positive` ones are not always zero."""

    _kinds = Record(
        "a distribution",
        {
            "uniform": Field(SPAN, "[low, high]: all durations in between are as likely."),
            "exponential": Field(DURATION, "The mean; short ones are likelier than long ones."),
            "normal": Field(
                Record(
                    "normal",
                    {
                        "mean": Field(DURATION, "The mean.", required=True),
                        "deviation": Field(DURATION, "The standard deviation.", required=True),
                    },
                ),
                "Around a mean; what falls below zero counts as zero.",
            ),
        },
        one_of=(OneOf(("uniform", "exponential", "normal")),),
    )

    def __init__(self, *, positive: bool = False) -> None:
        self._positive = positive

    def _read(self, node: Node, context: Context) -> Distribution:
        if isinstance(node, MapNode):
            found = self._distribution(self._kinds.read(node, context))
        else:
            found = Distribution("constant", mean=DURATION.read(node, context))
        if self._positive and not (found.mean or found.high):
            raise context.reject(node, "expected more than 0s; time would stand still")
        return found

    def _distribution(self, values: Values) -> Distribution:
        if "uniform" in values:
            span = values["uniform"]
            return Distribution("uniform", low=span.low, high=span.high)
        if "exponential" in values:
            return Distribution("exponential", mean=values["exponential"])
        normal = values["normal"]
        return Distribution("normal", mean=normal["mean"], deviation=normal["deviation"])

    def _schema(self) -> Schema:
        return alternatives(DURATION.schema(), self._kinds.schema())


class Rate(Kind[int]):
    """`20/s`: how many in a unit of time; read as the mean time between two, in nanoseconds."""

    _pattern = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)/(ms|s|m|h|d)", re.ASCII)

    def _read(self, node: Node, context: Context) -> int:
        what = "a rate such as 20/s, 5/m or 0.5/h"
        value = context.text(node) if isinstance(node, ScalarNode) else None
        match = self._pattern.fullmatch(value) if isinstance(value, str) else None
        if match is None or not Fraction(match[1]):
            raise context.expected(what, node)
        return round(UNITS[match[2]] / Fraction(match[1]))

    def _schema(self) -> Schema:
        pattern = f"^{self._pattern.pattern}$"
        return alternatives({"type": "string", "pattern": pattern}, PARAMETER)


_ARRIVE = Record(
    "arrive",
    {
        "poisson": Field(Rate(), "Arrivals by chance at this rate, such as 20/s."),
        "every": Field(DistributionKind(), "The time between two arrivals."),
        "over": Field(DURATION, "All within this time, evenly."),
    },
    one_of=(OneOf(("poisson", "every", "over")),),
)

_CHAT = Record(
    "a crowd's chat",
    {
        "every": Field(
            DistributionKind(positive=True), "The time between a user's messages.", required=True
        ),
        "to": Field(
            Choice("random", "pairs", "party", "popular"),
            "To whom: anyone (default), a neighbour, the own party, or mostly to popular users.",
        ),
        "party_size": Field(Integer(2, MAX_USERS), "Users of a party. Default: 4."),
        "text": Field(TEXT, "What is written."),
        "length": Field(LENGTH, "Write so many characters, or [low, high]."),
        "corpus": Field(CorpusRef(), "Texts drawn from this corpus. Default: small_talk."),
    },
    one_of=(OneOf(("text", "length", "corpus"), required=False),),
)

CROWD = Record(
    "crowd",
    {
        "name": Field(NameKind(), "Users are called NAME-00001 and so on.", required=True),
        "users": Field(Integer(1, MAX_USERS), "How many users.", required=True),
        "arrive": Field(_ARRIVE, "When they come.", required=True),
        "stay": Field(DistributionKind(), "How long each stays.", required=True),
        "chat": Field(_CHAT, "What they write. Default: nothing."),
        "leave": Field(
            Record(
                "leave",
                {
                    "reason": Field(TEXT, "Why."),
                    "code": Field(CODE, "The close code."),
                    "forced": Field(BOOLEAN, "Whether the server decided it."),
                },
            ),
            "How they leave; by default as the service's settings say.",
        ),
    },
)


def crowd(at: Position, values: Values, context: Context) -> script.Crowd:
    """The step."""
    users = values["users"]
    chat = values.get("chat", {})
    leave = values.get("leave", {})
    corpus = chat.get("corpus")
    if chat and not any(key in chat for key in ("text", "length", "corpus")):
        corpus = DEFAULT_CORPUS
    return script.Crowd(
        at,
        values["name"],
        users,
        _arrivals(values["arrive"], users),
        values["stay"],
        chat.get("every"),
        partners=chat.get("to", "random"),
        party_size=chat.get("party_size", 4),
        text=chat.get("text"),
        length=chat.get("length"),
        corpus=corpus,
        reason=leave.get("reason"),
        code=leave.get("code"),
        forced=leave.get("forced"),
    )


def _arrivals(arrive: Values, users: int) -> Distribution:
    if "poisson" in arrive:
        return Distribution("exponential", mean=arrive["poisson"])
    if "over" in arrive:
        return Distribution("constant", mean=arrive["over"] // users)
    every: Distribution = arrive["every"]
    return every
