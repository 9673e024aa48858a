"""Options that several commands share, and the types of their values."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

DEFAULT_SERVER: Final = "127.0.0.1:50051"
SERVER_VARIABLE: Final = "SIMULATOR_SERVER"

AS_FAST_AS_POSSIBLE: Final = 0.0
"""The speed `max`, as the protocol writes it."""

_SIZES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}

# Older versions of click know no type arguments of ParamType; newer ones want them.

F = TypeVar("F", bound=Callable[..., Any])


class Speed(click.ParamType):  # type: ignore[type-arg]
    """Seconds of the story per real second, or `max`."""

    name = "N|max"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return a positive number, or `AS_FAST_AS_POSSIBLE`."""
        if isinstance(value, float):
            return value
        text = str(value).strip().lower()
        if text == "max":
            return AS_FAST_AS_POSSIBLE
        try:
            speed = float(text)
        except ValueError:
            speed = -1.0
        if not 0.001 <= speed <= 1e9:
            self.fail(f"{value!r} is no speed: a number such as 1, 2.5 or 60, or max", param, ctx)
        return speed


class Size(click.ParamType):  # type: ignore[type-arg]
    """A number of bytes, such as 512MiB or 1GiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes; K, M, G and T are powers of 1024, with or without iB or B."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower())
        if match is None or int(match[1]) == 0:
            self.fail(f"{value!r} is no size: write it like 512MiB or 1GiB", param, ctx)
        return int(match[1]) * _SIZES[match[2]]


class Server(click.ParamType):  # type: ignore[type-arg]
    """The address of a running simulator."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `host:port`; a port alone is one of this machine."""
        text = str(value).strip()
        if not looks_like_address(text):
            self.fail(f"{value!r} is no address: write it like {DEFAULT_SERVER}", param, ctx)
        return f"127.0.0.1:{text}" if text.isdecimal() else text


class Assignment(click.ParamType):  # type: ignore[type-arg]
    """`path=value`; the value is JSON where it parses as such, else text."""

    name = "PATH=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Return the path and the value."""
        if isinstance(value, tuple):
            return value
        path, equals, text = str(value).partition("=")
        if not equals or not path:
            self.fail(f"{value!r} has no name and value: write it like name=value", param, ctx)
        return path, json_or_text(text)


class Pair(click.ParamType):  # type: ignore[type-arg]
    """`name=value`, both of them texts."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the name and the value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name:
            self.fail(f"{value!r} has no name and value: write it like name=value", param, ctx)
        return name, text


class Instant(click.ParamType):  # type: ignore[type-arg]
    """A time such as 2026-01-31T18:00:00Z."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text, which is a time."""
        from simulator.scenario.durations import parse_instant
        from simulator.scenario.errors import DurationError

        try:
            parse_instant(str(value))
        except DurationError as error:
            self.fail(str(error), param, ctx)
        return str(value)


def json_or_text(text: str) -> Any:
    """Return the JSON value of a text, or the text itself where it is none."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are texts, as JSON knows no such numbers


def looks_like_address(text: str) -> bool:
    """Whether a text is `host:port`, or a port alone."""
    return re.fullmatch(r"((\[[^\]\s]+\]|[^\s:/]+):)?\d{1,5}", text, re.ASCII) is not None


def default_server() -> str:
    """Return the address that commands use unless they are given one."""
    return os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER


def server_option(command: F) -> F:
    """Add `--server`, for commands that always talk to a running simulator."""
    return click.option(
        "--server",
        type=Server(),
        envvar=SERVER_VARIABLE,
        default=DEFAULT_SERVER,
        show_default=True,
        show_envvar=True,
        help="The running simulator.",
    )(command)


def seed_option(command: F) -> F:
    """Add `--seed`."""
    return click.option(
        "--seed", type=int, metavar="N", help="Of everything random; instead of the script's."
    )(command)


def validate_option(command: F) -> F:
    """Add `--no-validate`."""
    return click.option(
        "--no-validate",
        "validate",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Let events through that break the specification, marked as unchecked.",
    )(command)
