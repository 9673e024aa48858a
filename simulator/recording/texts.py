"""Texts of the same look: each character gives way to another of its kind."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache
from typing import Final

_TONES: Final = "".join(map(chr, range(0x1F3FB, 0x1F400)))
_FLAGS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_FACES: Final = "".join(map(chr, (*range(0x1F600, 0x1F645), *range(0x1F910, 0x1F930))))
_PICTURES: Final = (range(0x1F300, 0x1FB00), range(0x2600, 0x27C0))
_PLANE: Final = 0x10000
_WINDOW: Final = 0x1000
_NEAR: Final = 0x80
"""The size of the blocks in which alphabets have their usual letters; others are rare ones."""
_ENOUGH: Final = 8
_TRIES: Final = 16


class Stream:
    """Numbers that follow from a key, a purpose and a text, and tell nothing about the text."""

    def __init__(self, key: bytes, purpose: str, text: str) -> None:
        self._key = key
        self._seed = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
        self._block = 0
        self._bits = 0
        self._left = 0

    def below(self, limit: int) -> int:
        """Return the next number from 0 to `limit` - 1."""
        if self._left < 32:
            counter = self._block.to_bytes(8, "big")
            digest = hmac.digest(self._key, counter + self._seed, hashlib.sha256)
            self._bits = int.from_bytes(digest, "big")
            self._left = 256
            self._block += 1
        self._bits, number = divmod(self._bits, 1 << 32)
        self._left -= 32
        return number * limit >> 32

    def hex(self, length: int) -> str:
        """Return as many hex digits."""
        return "".join("0123456789abcdef"[self.below(16)] for _ in range(length))


def disguised(text: str, stream: Stream) -> str:
    """Return a text of the same length and look, and another one where its characters allow it.

    Letters, marks and digits give way to ones of the same script, case and length in UTF-8, emoji
    to emoji; spaces, punctuation and other symbols stay.
    """
    pools = [_pool(character) for character in text]
    for _ in range(_TRIES):
        result = "".join(pool[stream.below(len(pool))] if len(pool) > 1 else pool for pool in pools)
        if result != text:
            break
    return result


@lru_cache(maxsize=4096)
def _pool(character: str) -> str:
    """The characters that one may give way to, itself among them."""
    if character.isascii():
        for pool in ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"):
            if character in pool:
                return pool
        return character
    for pool in (_TONES, _FLAGS, _FACES):
        if character in pool:
            return pool
    kind = _kind(character)
    if kind is None:
        return character
    code = ord(character)
    if kind[1] == "So":
        place = next((place for place in _PICTURES if code in place), range(code, code + 1))
    elif code < _PLANE:
        known = _basic_plane()[kind]
        near = "".join(other for other in known if ord(other) // _NEAR == code // _NEAR)
        return near if len(near) >= _ENOUGH and kind[1] in ("Ll", "Lu") else known
    else:
        place = range(code // _WINDOW * _WINDOW, (code // _WINDOW + 1) * _WINDOW)
    return _alike(kind, place)


@cache
def _basic_plane() -> dict[tuple[str, str, int], str]:
    """The characters of the scripts of the living, by kind; looked through once."""
    found: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for character in map(chr, range(0x80, _PLANE)):
        kind = _kind(character)
        if kind is not None and kind[1] != "So":
            found[kind].append(character)
    return {kind: "".join(characters) for kind, characters in found.items()}


@lru_cache(maxsize=1024)
def _alike(kind: tuple[str, str, int], place: range) -> str:
    return "".join(other for other in map(chr, place) if _kind(other) == kind)


def _kind(character: str) -> tuple[str, str, int] | None:
    """Script, category and length; None for what stays as it is."""
    category = unicodedata.category(character)
    code = ord(character)
    length = 2 if code < 0x800 else 3 if code < _PLANE else 4
    if category == "So":
        pictured = any(code in place for place in _PICTURES)
        # Tones and flags have meaning beside others: they stay among themselves.
        apart = character in _TONES or character in _FLAGS or character in _FACES
        return ("", category, length) if pictured and not apart else None
    if category[0] not in "LMN":
        return None
    name = unicodedata.name(character, "")
    return None if not name or name.startswith("VARIATION") else (_script(name), category, length)


def _script(name: str) -> str:
    """The script, by how a character's name begins: CYRILLIC, HANGUL SYLLABLE, CJK UNIFIED."""
    words = 2 if name.startswith(("HANGUL", "CJK")) else 1
    return " ".join(name.split("-", 1)[0].split(" ")[:words])
