"""What the terminal can show: encoding, colour, safe text, width, a progress line."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Self

import click

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters, among them ESC and the 8-bit CSI
    "\u200b\u2060\ufeff"  # nothing to see, easily overlooked
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # would reorder the rest of the line
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff"  # half a surrogate pair: cannot be encoded
    "]"
)
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_FIRST_PROGRESS_S: Final = 0.3
_BETWEEN_PROGRESS_S: Final = 0.1


def use_utf8() -> None:
    """Write UTF-8 whatever the locale says, unless PYTHONIOENCODING asks for something else."""
    encoding = None if os.environ.get("PYTHONIOENCODING") else "utf-8"
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # no such stream, or not one that can change
            stream.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]


def replace_closed_streams() -> None:
    """Write to nowhere what would go to a stream that was closed before we began (`>&-`).

    Python has no such stream then, and the next file or socket would get its descriptor.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def program() -> str:
    """Return how the user calls this program: by name, or by the path that he or she typed."""
    called = sys.argv[0]
    if Path(called).stem != "simulator" or called == Path(called).name:
        return "simulator"
    return "simulator" if shutil.which("simulator") == called else shlex.quote(called)


def colour_setting() -> bool | None:
    """Return False where colours are unwanted, None to let the stream decide (a terminal or not).

    See https://no-color.org: any NO_COLOR that is not empty counts.
    """
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return False if unwanted else None


def is_terminal(stream: IO[Any]) -> bool:
    """Whether somebody looks at this stream."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def width() -> int:
    """Return the columns of the terminal."""
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def leave_line() -> None:
    """Let the shell's prompt begin on a line of its own, after the ^C that a terminal shows."""
    if is_terminal(sys.stderr):
        click.echo(err=True)


def safe(text: str) -> str:
    r"""Make text from an event harmless to a terminal and visible to a reader.

    Control characters, invisible ones and those that reorder a line become escapes such as
    `\u001b`; right-to-left letters, joiners and emoji stay.
    """
    return _UNSAFE.sub(_escape, text)


def safe_lines(text: str) -> str:
    """Make a text of several lines harmless to a terminal."""
    return "\n".join(safe(line) for line in text.split("\n"))


def warn(text: str) -> None:
    """Write a warning to stderr."""
    click.echo(f"{click.style('Warning: ', fg='yellow')}{safe_lines(text)}", err=True)


def safe_json(line: str) -> str:
    """Make JSON harmless to a terminal: the same JSON value, unsafe characters escaped."""
    if line.isascii() and "\x7f" not in line:
        return line  # JSON itself escapes the other control characters
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def is_broken_pipe(error: OSError) -> bool:
    """Whether nobody reads our standard output any more; Windows calls it an invalid argument."""
    return isinstance(error, BrokenPipeError) or (
        sys.platform == "win32" and error.errno == errno.EINVAL
    )


def abandon_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush cannot fail."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def when_reader_leaves(callback: Callable[[], object]) -> None:
    """Call back, from a thread, when the reader of our standard output goes away.

    A command that follows a topic would otherwise notice at its next line only, which may never
    come. Where the system has no `poll` (Windows), the next line it is.
    """
    import select

    try:
        poller = select.poll()
        poller.register(sys.stdout.fileno(), 0)  # errors are reported always
    except (AttributeError, OSError, ValueError):
        return

    def watch() -> None:
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poller.poll()):
            callback()

    threading.Thread(target=watch, name="stdout-watch", daemon=True).start()


class Progress:
    """One line on stderr that tells how far something is; nothing where nobody looks.

    It appears only when the work takes long enough to wonder.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        """`quiet` shows nothing in any case."""
        self._active = not quiet and is_terminal(sys.stderr)
        self._next = time.monotonic() + _FIRST_PROGRESS_S
        self._shown = 0

    def update(self, text: Callable[[], str]) -> None:
        """Show a new text if it is time to; `text` is called only then."""
        now = time.monotonic()
        if not self._active or now < self._next:
            return
        self._next = now + _BETWEEN_PROGRESS_S
        line = text()[: width() - 1]
        click.echo("\r" + line.ljust(self._shown), nl=False, err=True)
        self._shown = len(line)

    def clear(self) -> None:
        """Remove the line, so that others can be written."""
        if self._shown:
            click.echo("\r" + " " * self._shown + "\r", nl=False, err=True)
            self._shown = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
