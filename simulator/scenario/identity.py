"""Stable ids for names: the same seed and the same name give the same UUID everywhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

IdStyle = Literal["dashed", "compact"]

_UUID: Final = re.compile(
    r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII
)
_VERSION: Final = 0x4 << 76
_VARIANT: Final = 0x2 << 62
_FREE: Final = ((1 << 128) - 1) & ~(0xF << 76) & ~(0x3 << 62)


def derived_id(seed: int | str, kind: str, name: str, style: IdStyle = "dashed") -> str:
    """Return the id of a user or a party, in the shape of a version 4 UUID (RFC 9562)."""
    digest = hashlib.sha256(f"{seed}/{kind}/{name}".encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:16], "big") & _FREE | _VERSION | _VARIANT
    text = f"{number:032x}"
    if style == "compact":
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID, with dashes or without."""
    return _UUID.fullmatch(text) is not None


class Identities:
    """The ids of the users and parties of one story: given ones, and derived ones for the rest."""

    def __init__(
        self,
        seed: int | str,
        style: IdStyle,
        given_users: Mapping[str, str] | None = None,
        given_parties: Mapping[str, str] | None = None,
    ) -> None:
        """Ids that a script gives for names are kept as they are written."""
        self._seed = seed
        self._style = style
        self._users = dict(given_users or {})
        self._parties = dict(given_parties or {})

    @property
    def users(self) -> Mapping[str, str]:
        """The ids of the users that were given or asked for, by name."""
        return MappingProxyType(self._users)

    def user(self, name: str) -> str:
        """Return the id of a user."""
        user_id = self._users.get(name)
        if user_id is None:
            user_id = self._users[name] = self.passing_user(name)
        return user_id

    def party(self, name: str) -> str:
        """Return the id of a party."""
        party_id = self._parties.get(name)
        if party_id is None:
            party_id = self._parties[name] = self.passing_party(name)
        return party_id

    def passing_user(self, name: str) -> str:
        """Return the id of a user without keeping it: for crowds, which may be large."""
        return self._users.get(name) or derived_id(self._seed, "user", name, self._style)

    def passing_party(self, name: str) -> str:
        """Return the id of a party without keeping it."""
        return self._parties.get(name) or derived_id(self._seed, "party", name, self._style)
