"""The one base class of every error that a user of the simulator can cause and should read."""

from __future__ import annotations


class SimulatorError(Exception):
    """Something the user asked for cannot be done; `str(error)` is one readable sentence or list.

    Each room derives its own errors from this class in its `errors.py`. The command line prints
    the text without a traceback, the gRPC listener turns the class into a status code.
    """


class InvalidSetting(SimulatorError):
    """A value that no simulator can be set up with."""

    def __init__(self, setting: str, value: object, rule: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"{setting}={value!r} cannot be: {rule}")


def check_timeout(timeout: object) -> None:
    """Raise InvalidSetting where a wait is not given as a number of seconds."""
    if not isinstance(timeout, int | float):
        raise InvalidSetting("timeout", timeout, "use real seconds, such as 5 or 0.5")
