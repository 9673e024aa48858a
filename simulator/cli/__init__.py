"""The command line, `simulator`: each command is a few calls into the Python API or gRPC.

Commands are imported when they are called, and what they need inside them, so that
`simulator --version` and `simulator serve` start quickly.
"""

from simulator.cli.app import cli, main

__all__ = ["cli", "main"]
