"""Ctrl-C: ends the process at once and quietly, until a command has something to put in order.

While modules are imported or gRPC starts, an exception out of nowhere would be swallowed or told
by whatever it hits. This module is in place before the others are imported, so it imports little.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Final

STATUS: Final = 130
"""What a shell reports for a process that SIGINT has ended."""


def end_at_once() -> None:
    """From now on an interrupt ends the process.

    Where interrupts are ignored (`nohup`, `&` in a shell script), they stay so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        with suppress(ValueError):  # not the main thread: whoever runs it, sees to interrupts
            signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """From now on an interrupt is a KeyboardInterrupt: there is a server to say goodbye to."""
    if signal.getsignal(signal.SIGINT) is _end:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_DFL)  # what follows may block: a second one ends that, too
    with suppress(Exception):  # no stream, a closed one, or one that is being written to
        sys.stdout.flush()
    with suppress(OSError):
        if os.isatty(2):  # the shell's prompt begins on a line of its own, after ^C
            os.write(2, b"\n")
    os._exit(STATUS)
