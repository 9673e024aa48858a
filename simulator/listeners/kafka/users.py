"""The users of the brokers: their passwords, and what SCRAM keeps of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from simulator.log.scram import MIN_ITERATIONS, Credential, Mechanism, credential, salted

Key = tuple[str, Mechanism]

SCRAM_NUMBERS: Final = {Mechanism.SCRAM_SHA_256: 1, Mechanism.SCRAM_SHA_512: 2}
"""What requests about credentials call the mechanisms."""

MAX_USERS: Final = 10_000


class Users:
    """Passwords are as they were set up; SCRAM credentials can be added and deleted by requests.

    The salts come from the seed, so that a run can be repeated to the byte. What SCRAM needs of a
    password is worked out when it is first asked for, since that takes milliseconds.
    """

    def __init__(
        self, passwords: Mapping[str, str], mechanisms: Iterable[Mechanism], seed: int | str
    ) -> None:
        """`mechanisms` are those by which the users of `passwords` can log in."""
        self._passwords = dict(passwords)
        self._seed = seed
        self._credentials: dict[Key, Credential | None] = {
            (name, mechanism): None for name in self._passwords for mechanism in mechanisms
        }

    def password_is(self, name: str, password: str) -> bool:
        """Whether that is the password of that user."""
        known = self._passwords.get(name)
        return known is not None and hmac.compare_digest(known.encode(), password.encode())

    def names(self) -> list[str]:
        """Who has a SCRAM credential, in order."""
        return sorted({name for name, _ in self._credentials})

    def iterations(self, name: str) -> dict[Mechanism, int]:
        """The mechanisms for which a user has a credential, with its iterations."""
        return {
            mechanism: MIN_ITERATIONS if found is None else found.iterations
            for mechanism in Mechanism
            if (found := self._credentials.get((name, mechanism), _NOTHING)) is not _NOTHING
        }

    def credential(self, name: str, mechanism: Mechanism) -> Credential | None:
        """What SCRAM knows of a user, or None."""
        key = (name, mechanism)
        if key not in self._credentials:
            return None
        found = self._credentials[key]
        if found is None:
            seed = f"{self._seed}\0{mechanism.value}\0{name}"
            salt = hashlib.sha256(seed.encode()).digest()[:16]
            password = salted(mechanism, self._passwords[name].encode(), salt, MIN_ITERATIONS)
            found = credential(mechanism, password, salt, MIN_ITERATIONS)
            self._credentials[key] = found
        return found

    def put(self, name: str, mechanism: Mechanism, given: Credential) -> None:
        """Set a credential."""
        self._credentials[name, mechanism] = given

    def delete(self, name: str, mechanism: Mechanism) -> None:
        """Forget a credential, which must exist."""
        del self._credentials[name, mechanism]


_NOTHING = Credential(b"", 0, b"", b"")
