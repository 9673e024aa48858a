"""Errors as the user meets them: one line on stderr and an exit status, never a traceback."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterable
from typing import Final

import click

from simulator.cli import interrupts
from simulator.cli.terminal import colour_setting, safe, safe_lines
from simulator.errors import SimulatorError
from simulator.suggestions import closest

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = interrupts.STATUS


class CommandFailed(SimulatorError):
    """A command did its work, and the answer is no; the text says why."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the text for a name that does not exist, with the nearest one that does."""
    names = list(known)
    near = closest(name, names)
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(names)}"
    return f"no such {kind} {safe(name)!r}; {hint}"


def report(error: BaseException) -> int:
    """Tell the user what went wrong and return the exit status."""
    if _debugging():
        traceback.print_exception(error)
    match error:
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED
        case click.UsageError():
            where = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
            _say(error.format_message().rstrip(".") + where)
            return USAGE
        case click.ClickException():
            _say(error.format_message())
            return error.exit_code
        case SimulatorError() if type(error).__name__ == "ScriptError":
            # Lines `file:line:column: message`, which editors and CI systems know how to read.
            _write(safe_lines(str(error)))
            _say("the script cannot be played")
            return FAILED
        case SimulatorError():
            _say(str(error))
            return FAILED
        case OSError() if error.strerror:
            name = f"{error.filename}: " if error.filename else ""
            _say(f"{name}{error.strerror}")
            return FAILED
    _say(_unexpected(error))
    return FAILED


def keep_tracebacks_away() -> None:
    """Make threads and libraries that report errors of their own do it in one line, too."""
    threading.excepthook = _report_thread
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        if _debugging():
            return super().format(record)
        text = safe(record.getMessage().partition("\n")[0])
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            return f"Error: {_unexpected(error)}"
        return f"{'Warning' if record.levelno <= logging.WARNING else 'Error'}: {text}"


def _report_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        report(args.exc_value)


def _unexpected(error: BaseException) -> str:
    what = f"{type(error).__name__}: {error}".partition("\n")[0]
    return f"unexpected {what} (a bug; SIMULATOR_DEBUG=1 shows where)"


def _say(text: str) -> None:
    """Write an error; a text of several lines, such as a list of violations, keeps them."""
    _write(click.style("Error: ", fg="red", bold=True) + safe_lines(text))


def _write(text: str) -> None:
    try:
        click.echo(text, err=True, color=colour_setting())
    except OSError:
        sys.stderr = None  # nobody reads it: the exit status has to do


def _debugging() -> bool:
    return os.environ.get("SIMULATOR_DEBUG", "0") not in ("", "0")
