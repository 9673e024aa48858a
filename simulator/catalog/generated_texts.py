"""Texts made by chance: by format, by what description and name of a field say, else words."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from simulator.catalog.examples import given
from simulator.catalog.generated_patterns import LEAST, MAX_LENGTH, texts_of
from simulator.catalog.pattern_characters import Unmakeable
from simulator.catalog.plain_json import shown
from simulator.catalog.schemas import Schema
from simulator.catalog.validation import checker

if TYPE_CHECKING:
    from simulator.catalog.generation import Chance

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_WORDS: Final = ("north", "gate", "hat", "sword", "river", "lamp", "green", "seven", "swift", "oak")
_PHRASES: Final = tuple(
    " ".join(words)
    for words in (
        *((word,) for word in _WORDS),
        *((first, second) for first in _WORDS for second in _WORDS),
        *((first, "and", second) for first in _WORDS for second in _WORDS),
    )
)
_DAYS: Final = tuple((date(2026, 1, 1) + timedelta(days=day)).isoformat() for day in range(365))
_MINUTES: Final = tuple(f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in range(60))
_SECONDS: Final = tuple(f"{second:02d}" for second in range(60))

_RULES: Final = ("pattern", "format", "minLength", "maxLength")

_HINTS: Final = (
    (re.compile(r"\buuid\b", re.IGNORECASE), "uuid"),
    (re.compile(r"\brfc ?3339\b|\bdate-time\b|\btimestamp\b", re.IGNORECASE), "date-time"),
    (re.compile(r"\be-?mail\b", re.IGNORECASE), "email"),
    (re.compile(r"\bur[il]s?\b", re.IGNORECASE), "uri"),
)
"""Words of a description that tell what a text is, where no format does."""

Maker = Callable[["Chance"], str]


def text(schema: Schema, name: str) -> Maker:
    """What makes texts for the field `name`; raises Unmakeable for a pattern that has none."""
    if "pattern" in schema:
        return _patterned(schema)
    least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
    known = _FORMATS.get(schema.get("format", ""))
    if known is not None:
        return _short_enough(known, schema, least, most)
    plain = _hinted(schema, name) or _phrase
    if not least and most is None:
        return plain

    def fitted(chance: Chance) -> str:
        made = plain(chance)
        while len(made) < least:
            made += _LETTERS[int(chance.random() * 26)]
        return made if most is None else made[: int(most)]

    return fitted


def _short_enough(known: Maker, schema: Schema, least: int, most: Any) -> Maker:
    """Texts of a format, if they can have such a length; a uuid can be written without dashes."""
    for make in (known, _bare_uuid) if known is _uuid else (known,):
        if least <= len(make(LEAST)) <= (MAX_LENGTH if most is None else most):
            return make
    between = f"{least} to {'any number of' if most is None else most}"
    raise Unmakeable(f"no text of format {schema['format']} has {between} characters")


def _patterned(schema: Schema) -> Maker:
    """What makes texts for a pattern: by format where that fits, too, else by the pattern."""
    fits = checker({"type": "string", **{key: schema[key] for key in _RULES if key in schema}})
    by_format = _FORMATS.get(schema.get("format", ""))
    if by_format is not None:
        usual = by_format(LEAST)
        if fits(usual):
            return lambda chance: made if fits(made := by_format(chance)) else usual
    try:
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        return texts_of(schema["pattern"], fits, least, None if most is None else int(most))
    except Unmakeable as error:
        for own in given(schema):
            if fits(own):
                return lambda _: str(own)
        raise Unmakeable(f"no text for the pattern {shown(schema['pattern'])}: {error}") from None


def _hinted(schema: Schema, name: str) -> Maker | None:
    said = str(schema.get("description", ""))
    if "format" not in schema:
        for words, form in _HINTS:
            if words.search(said):
                return _FORMATS[form]
    return _id if name.lower().endswith("id") else None


def _phrase(chance: Chance) -> str:
    return _PHRASES[int(chance.random() * len(_PHRASES))]


def _word(chance: Chance) -> str:
    return _WORDS[int(chance.random() * len(_WORDS))]


def _id(chance: Chance) -> str:
    return f"{chance.bits(64):016x}"


def _uuid(chance: Chance) -> str:
    digits = f"{chance.bits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _bare_uuid(chance: Chance) -> str:
    return _uuid(chance).replace("-", "")


def _day(chance: Chance) -> str:
    return _DAYS[int(chance.random() * 365)]


def _time(chance: Chance) -> str:
    random = chance.random
    return f"{_MINUTES[int(random() * 1440)]}:{_SECONDS[int(random() * 60)]}Z"


_FORMATS: Final[Mapping[str, Maker]] = {
    "uuid": _uuid,
    "date-time": lambda chance: f"{_day(chance)}T{_time(chance)}",
    "date": _day,
    "time": _time,
    "email": lambda chance: f"{_word(chance)}@example.com",
    "idn-email": lambda chance: f"{_word(chance)}@example.com",
    "hostname": lambda chance: f"{_word(chance)}.example.com",
    "idn-hostname": lambda chance: f"{_word(chance)}.example.com",
    "ipv4": lambda chance: f"192.0.2.{1 + int(chance.random() * 254)}",
    "ipv6": lambda chance: f"2001:db8::{1 + int(chance.random() * 65_535):x}",
    "uri": lambda chance: f"https://example.com/{_word(chance)}",
    "uri-reference": lambda chance: f"https://example.com/{_word(chance)}",
    "iri": lambda chance: f"https://example.com/{_word(chance)}",
    "uri-template": lambda chance: f"https://example.com/{{{_word(chance)}}}",
    "json-pointer": lambda chance: f"/{_word(chance)}/{_word(chance)}",
    "relative-json-pointer": lambda chance: f"1/{_word(chance)}",
    "duration": lambda chance: f"P{1 + int(chance.random() * 30)}DT{int(chance.random() * 24)}H",
    "regex": lambda chance: f"^{_word(chance)}$",
    "byte": lambda chance: b64encode(_word(chance).encode()).decode(),
    "iri-reference": lambda chance: f"https://example.com/{_word(chance)}",
}
