"""Checks of request values, collected so that a client learns of all its mistakes at once."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from simulator.listeners.grpc.errors import FieldViolation, InvalidRequest
from simulator.listeners.grpc.limits import MAX_NAME_LENGTH


class Checks:
    """Collects violations; `done` raises them."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def require(self, condition: object, field: str, description: str) -> None:
        """Note a violation unless the condition holds."""
        if not condition:
            self._violations.append(FieldViolation(field, description))

    def name(self, value: str, field: str, what: str) -> None:
        """Require a name that is not empty and not too long; `what` it names is for the text."""
        self.require(value, field, f"is empty; give {what}")
        self.require(
            len(value) <= MAX_NAME_LENGTH,
            field,
            f"has {len(value)} characters, at most {MAX_NAME_LENGTH}",
        )

    def not_negative(self, value: float, field: str) -> None:
        """Require a number that is zero or more (not a number is less)."""
        self.require(value >= 0, field, f"is {value}, must not be negative")

    def at_most(self, values: Sized, maximum: int, field: str) -> None:
        """Require a list that is not too long."""
        self.require(
            len(values) <= maximum, field, f"has {len(values):,} entries, at most {maximum:,}"
        )

    def unique(self, values: Sequence[object], field: str) -> None:
        """Require a list without repetitions."""
        seen = set()
        for row, value in enumerate(values):
            if value in seen:
                self.require(False, f"{field}[{row}]", f"repeats {value!r}")
            seen.add(value)

    def done(self) -> None:
        """Raise `InvalidRequest` with everything that was found, if anything was."""
        if self._violations:
            raise InvalidRequest(self._violations)
