"""What settings there are: type, default, valid values and meaning of each, read from the tables.

The tables hold the facts of Kafka 4.4 (names, types, defaults, ranges, which brokers take while
they run) with one row for each setting. `valid` is `any`, `low..high` with either end left out,
`a|b` for one of some words (`~a|b` in any case), `nonempty`, `1..9,-1`, or `replicas`.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from simulator.errors import SimulatorError
from simulator.suggestions import closest, did_you_mean

Value = bool | int | float | str | list[str] | None
"""A setting's value as its type says; lists are of strings, and everything else is a string."""


class InvalidConfig(SimulatorError):
    """A setting that does not exist, or a value that it cannot have, in the words of a broker."""


class UnknownConfig(InvalidConfig):
    """There is no such setting."""

    def __init__(self, text: str, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = known
        super().__init__(text)

    @property
    def suggestion(self) -> str:
        """The end of a text for people: `; did you mean x?`, or nothing."""
        return did_you_mean(closest(self.name, self.known))


class ConfigType(IntEnum):
    """Types of settings, by their numbers in DescribeConfigs."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


_BITS: Final = {ConfigType.SHORT: 16, ConfigType.INT: 32, ConfigType.LONG: 64}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+")
_REPLICA: Final = re.compile(r"[0-9]+:[0-9]+")


class Definition(NamedTuple):
    """One setting. `default` is text as Kafka prints it, None where there is none.

    `dynamic`: whether brokers take another value while they run; `synonyms`: the settings of a
    broker that stand in for this one where it is not set, the first that is set counts.
    """

    name: str
    type: ConfigType
    default: str | None
    valid: str
    dynamic: bool
    synonyms: tuple[str, ...]
    documentation: str

    def parse(self, text: str) -> Value:
        """The value that `text` stands for; raises InvalidConfig in the words of a broker."""
        text = text.strip()
        value: Value
        if self.type is ConfigType.BOOLEAN:
            if text.lower() not in ("true", "false"):
                raise self.invalid(text, "Expected value to be either true or false")
            value = text.lower() == "true"
        elif self.type in _BITS:
            limit = 1 << (_BITS[self.type] - 1)
            if not _NUMBER.fullmatch(text) or not -limit <= int(text) < limit:
                raise self.invalid(text, f"Not a number of type {self.type.name}")
            value = int(text)
        elif self.type is ConfigType.DOUBLE:
            try:
                value = float(text)
            except ValueError:
                raise self.invalid(text, "Not a number of type DOUBLE") from None
        elif self.type is ConfigType.LIST:
            value = [part.strip() for part in text.split(",")] if text else []
        else:
            value = text
        self._check(value)
        return value

    def invalid(self, value: object, why: str) -> InvalidConfig:
        """The error for a value that cannot be."""
        return InvalidConfig(f"Invalid value {value} for configuration {self.name}: {why}")

    def _check(self, value: Value) -> None:
        if self.valid == "any":
            return
        if isinstance(value, list):
            self._check_list(value)
        elif isinstance(value, str):
            self._check_word(value)
        elif self.valid == "1..9,-1":
            if value != -1 and value not in range(1, 10):
                raise self.invalid(value, "Value must be between 1 and 9 or equal to -1")
        elif isinstance(value, int | float):
            low, _, high = self.valid.partition("..")
            if low and value < float(low):
                raise self.invalid(value, f"Value must be at least {low}")
            if high and value > float(high):
                raise self.invalid(value, f"Value must be no more than {high}")

    def _check_list(self, value: list[str]) -> None:
        if self.valid == "replicas":
            if value != ["*"] and not all(map(_REPLICA.fullmatch, value)):
                raise self.invalid(
                    f"[{', '.join(value)}]",
                    f"{self.name} must be the literal '*' or a list of replicas in the following "
                    "format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
                )
        elif self.valid == "nonempty":
            if not value:
                raise self.invalid("[]", "List must contain at least one element")
        else:
            for word in value:
                self._check_word(word)

    def _check_word(self, word: str) -> None:
        if self.valid == "nonempty":
            if not word:
                raise self.invalid(word, "String must be non-empty")
            return
        words = self.valid.removeprefix("~").split("|")
        folded = self.valid.startswith("~")
        if word not in words and not (folded and word.upper() in words):
            insensitive = " (case insensitive)" if folded else ""
            raise self.invalid(word, f"String must be one of{insensitive}: {', '.join(words)}")


def printed(value: Value) -> str | None:
    """A value as Kafka prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(value)
    return None if value is None else str(value)


@cache
def definitions(table: str) -> Mapping[str, Definition]:
    """All settings of `table` by name: broker, topic, group or client_metrics."""
    data = pkgutil.get_data(__package__, f"{table}.tsv")  # importlib.resources takes 4 ms to import
    assert data is not None, "the package's loader cannot read its data"
    rows = (line.split("\t") for line in data.decode().splitlines()[1:])
    return MappingProxyType({row[0]: _definition(*row) for row in rows})


def _definition(
    name: str, kind: str, default: str, valid: str, update: str, synonyms: str, documentation: str
) -> Definition:
    return Definition(
        name,
        ConfigType[kind.upper()],
        None if default == "null" else default,
        valid,
        update != "read-only",
        () if synonyms == "-" else tuple(synonyms.split(",")),
        documentation,
    )
