"""The command line, `simulator`: each command is a few calls into the Python API or gRPC.

Commands are imported when they are called, and what they need inside them, so that
`simulator --version` and `simulator serve` start quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from simulator.cli import interrupts

if TYPE_CHECKING:
    from simulator.cli.app import cli

__all__ = ["cli", "main"]


def main() -> NoReturn:
    """Run the command line of this process; an interrupt ends it quietly from here on."""
    interrupts.end_at_once()
    from simulator.cli import app

    app.main()


def __getattr__(name: str) -> Any:
    """Import the command group when it is asked for: `main` comes before all imports."""
    if name != "cli":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from simulator.cli.app import cli

    return cli
