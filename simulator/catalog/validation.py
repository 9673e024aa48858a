"""Is this event legal? Validators compiled from a schema, and what they find put into words.

Beyond the published schema, which requires nothing, the catalogue has rules of its own:

- an event is an object; its payload object and the payload's key are there;
- `name`, where given, is the name of the event;
- a uuid may be written with dashes or as 32 hex digits (the platform writes its ids so);
- an integer fits into 64 bits, or into 32 where its format is int32. 4000.0 is an integer, as JSON
  Schema has it; 1.5, "1" and true are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from simulator.catalog.errors import Violation
from simulator.catalog.plain_json import member, shown, to_plain
from simulator.catalog.schemas import (
    NAME,
    PAYLOAD,
    Schema,
    has_envelope,
    map_schemas,
    merge_all_of,
    payload_key,
    properties,
    types,
)
from simulator.catalog.shapes import Shape

if TYPE_CHECKING:
    import jsonschema_rs

MAX_VIOLATIONS = 20
"""Violations of one event that are reported; more help nobody."""

_UUID = (
    r"^(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|[0-9a-fA-F]{32})$"
)
"""As a pattern it is checked in native code; the library's own uuid format takes dashed ones only,
and a format of one's own calls back into Python for each value."""
_INT64 = (-(2**63), 2**63 - 1)
_INT32 = (-(2**31), 2**31 - 1)
_DECODE = ""
"""A pattern that fits everything, and makes the validator look at the text at all: half a surrogate
pair is no text, and nobody could encode it."""

_FORMATS = {
    "date-time": "an RFC 3339 date-time such as 2026-01-01T00:00:00Z",
    "date": "an RFC 3339 date such as 2026-01-01",
    "uuid": "a uuid, with dashes or as 32 hex digits",
}
_ARTICLES = {"integer": "an integer", "object": "an object", "array": "an array", "null": "null"}


class EventValidator:
    """The rules of one event, compiled."""

    def __init__(self, schema: Schema, name: str) -> None:
        """`schema` has no `$ref`; ValueError where it is not a JSON schema."""
        self._name = name
        self._payload_key = payload_key(schema)
        self._schema = _with_own_rules(schema, name, self._payload_key)
        self._shape = Shape(schema)
        self._quick = _compile(_rewrite(self._schema, decode=False))
        self._exact = _compile(_rewrite(self._schema, decode=True))
        self.near_misses = self._shape.near_misses
        self.is_clean = self._shape.is_clean

    def is_valid(self, event: Any) -> bool:
        """Whether all fields that the schema knows are legal; the quick question."""
        try:
            return self._quick.is_valid(event)
        except (ValueError, RecursionError):  # of Python types that are JSON in another guise
            return not self.violations(event)

    def is_sound(self, event: Any) -> bool:
        """Whether there are no violations, whatever the event is and holds."""
        try:
            if not self._exact.is_valid(event):
                return False
        except (ValueError, RecursionError):
            return not self.violations(event)
        return self._shape.is_clean(event) or not any(
            to_plain(part, depth)[1] for part, depth in self._shape.unknown_parts(event)
        )

    def violations(self, event: Any) -> list[Violation]:
        """Every rule that the event breaks, at most `MAX_VIOLATIONS`; empty for a legal event."""
        plain, found = to_plain(event)
        if not found and not self._exact.is_valid(plain):
            errors = (self._violation(error, plain) for error in self._exact.iter_errors(plain))
            found = list({(error.path, error.rule): error for error in errors}.values())
        return found[:MAX_VIOLATIONS]

    def _violation(self, error: jsonschema_rs.ValidationError, event: Any) -> Violation:
        path, value = "$", event
        for token in error.instance_path:
            path = member(path, token) if isinstance(token, str) else f"{path}[{token}]"
            value = value[token]
        rule, message = self._explain(error, path, value)
        return Violation(path, value, rule, message)

    def _explain(
        self, error: jsonschema_rs.ValidationError, path: str, value: Any
    ) -> tuple[str, str]:
        """The rule and a sentence for one error of the validator."""
        keyword = error.kind.name
        details = error.kind.as_dict()
        if keyword == "type":
            wanted = _wanted_types(details)
            return f"type: {'|'.join(wanted)}", f"expected {_either(wanted)}, not {_typed(value)}"
        if keyword == "required":
            return self._required(str(details["property"]), path, value)
        if keyword == "pattern" and details.get("pattern") == _UUID:
            return "format: uuid", f"{shown(value)} is not {_FORMATS['uuid']}"
        if keyword == "format":
            name = str(details["format"])
            return (
                f"format: {name}",
                f"{shown(value)} is not {_FORMATS.get(name, f'a valid {name}')}",
            )
        if keyword == "const" and path == f"$.{NAME}":
            return f"const: {self._name}", f"{shown(value)} is not the name of {self._name}"
        if keyword in ("minimum", "maximum") and details.get("limit") in (*_INT64, *_INT32):
            bits = 64 if details["limit"] in _INT64 else 32
            return f"format: int{bits}", f"{shown(value)} has no place in {bits} bits"
        if keyword == "falseSchema":
            return str(error.schema_path[-1] if error.schema_path else keyword), "is not allowed"
        return keyword, _shortened(error.message)

    def _required(self, name: str, path: str, value: Any) -> tuple[str, str]:
        key = self._payload_key
        if path == "$" and name == PAYLOAD:
            wanted = f"{PAYLOAD}.{key}" if key else PAYLOAD
            return f"required: {name}", f"expected {wanted} for {self._name}, found no {PAYLOAD}"
        if path == f"$.{PAYLOAD}" and name == key:
            found = ", ".join(f"{PAYLOAD}.{other}" for other in list(value)[:3])
            rest = f"found {found}" if found else f"found an empty {PAYLOAD}"
            return f"required: {name}", f"expected {PAYLOAD}.{key} for {self._name}, {rest}"
        return f"required: {name}", f"{name} is missing"


def _with_own_rules(schema: Schema, name: str, key: str | None) -> Schema:
    """The schema with what the catalogue demands on top of it."""
    rules: Schema = {"type": "object"}
    below: dict[str, Any] = {}
    if PAYLOAD in properties(schema):
        rules["required"] = [PAYLOAD]
        below[PAYLOAD] = {"type": "object", "required": [key] if key else []}
    if has_envelope(schema):
        below[NAME] = {"const": name}
    if below:
        rules["properties"] = below
    merged: Schema = merge_all_of({"allOf": [rules, schema]})
    return merged


def check_schema(schema: Any) -> None:
    """Raise ValueError, with where and why, for what is no JSON schema."""
    import jsonschema_rs

    try:
        jsonschema_rs.Draft7Validator(schema, validate_formats=True)
    except jsonschema_rs.ValidationError as error:
        path = ".".join(map(str, error.instance_path))
        text = _shortened(str(error).partition("\n")[0])
        raise ValueError(f"{path}: {text}" if path else text) from None


def _compile(schema: Schema) -> jsonschema_rs.Draft7Validator:
    import jsonschema_rs  # 20 ms to import, and only validation needs it

    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def _rewrite(schema: Any, *, decode: bool) -> Any:
    """The schema in keywords that the validator checks natively, as the module's text says.

    `decode`: also find text that UTF-8 cannot hold; it takes a third more time.
    """
    return map_schemas(schema, lambda part: _rewritten(part, decode=decode))


def _rewritten(part: Schema, *, decode: bool) -> Schema:
    kinds = types(part)
    if part.get("format") == "uuid":
        part = {key: value for key, value in part.items() if key != "format"}
        part = _with(part, {"pattern": _UUID})
    elif decode and "string" in kinds and not {"pattern", "format", "enum", "const"} & part.keys():
        part = _with(part, {"pattern": _DECODE})
    if "integer" in kinds:
        low, high = _INT32 if part.get("format") == "int32" else _INT64
        part = {"minimum": low, "maximum": high} | part
    return part


def _with(part: Schema, more: Schema) -> Schema:
    """Both; a keyword that is there already stays, and the new one goes to `allOf`."""
    if more.keys() & part.keys():
        return part | {"allOf": [*part.get("allOf", []), more]}
    return part | more


def _wanted_types(details: dict[str, Any]) -> list[str]:
    return sorted(str(kind) for kind in details["types"])


def _either(kinds: Iterable[str]) -> str:
    return " or ".join(_ARTICLES.get(kind, f"a {kind}") for kind in kinds)


def _typed(value: Any) -> str:
    """A value with its JSON type, where the value alone does not tell it."""
    if value is None:
        return "null"
    kind = "an object" if isinstance(value, dict) else "an array" if isinstance(value, list) else ""
    if isinstance(value, str):
        kind = "the string"
    return f"{kind} {shown(value)}".strip()


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def checker(schema: Schema) -> Callable[[Any], bool]:
    """What tells whether a part of a schema allows a value."""
    return _compile(_rewrite(schema, decode=False)).is_valid


def allows(schema: Any, value: Any) -> bool:
    """Whether a part of a schema allows a value."""
    return not isinstance(schema, dict) or checker(schema)(value)
