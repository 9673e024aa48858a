"""What a resolved schema says about an event: one flat schema, its fields, its payload key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

Schema = dict[str, Any]

PAYLOAD = "payload"
"""The envelope's property below which the event's own data is."""
NAME = "name"
"""The envelope's property that names the event."""

SCHEMA_VALUES = frozenset(
    {
        *("items", "additionalItems", "additionalProperties", "contains", "propertyNames"),
        *("not", "if", "then", "else"),
    }
)
"""Keywords of JSON Schema draft 7 that hold a schema."""
SCHEMA_LISTS = frozenset(["allOf", "anyOf", "oneOf", "items"])
"""Keywords that hold a list of schemas; `items` holds either."""
SCHEMA_MAPS = frozenset(["properties", "patternProperties", "dependencies"])
"""Keywords that hold schemas by name; `dependencies` may hold lists of names instead."""

_APART = frozenset(
    {
        *("additionalProperties", "patternProperties", "propertyNames", "additionalItems"),
        *("if", "then", "else", "dependencies", "not", "anyOf", "oneOf"),
    }
)
"""Keywords whose meaning hangs on what stands beside them: their schema is not merged."""


class Field(NamedTuple):
    """A field that the schema knows.

    `path` is dotted; the items of an array are `path[]`. `type` is a JSON type, `a|b` for several,
    or `any`; `format` and `description` are empty where the schema has none.
    """

    path: str
    type: str
    format: str = ""
    description: str = ""


def merge_all_of(schema: Any) -> Any:
    """The same schema with `allOf` merged wherever that keeps its meaning.

    A member that cannot be merged, because both say something different under one keyword, stays
    in `allOf`.
    """
    if not isinstance(schema, dict):
        return schema
    merged = {key: _merge_inside(key, value) for key, value in schema.items() if key != "allOf"}
    rest = []
    for member in schema.get("allOf", []):
        flat = merge_all_of(member)
        if flat is True or flat == {}:
            continue
        combined = _combine(merged, flat)
        if combined is None:
            rest.append(flat)
        else:
            merged = combined
    if rest:
        merged["allOf"] = rest
    return merged


def _merge_inside(key: str, value: Any) -> Any:
    if key == "properties" and isinstance(value, dict):
        return {name: merge_all_of(part) for name, part in value.items()}
    if key in ("items", "additionalProperties"):
        if isinstance(value, list):
            return [merge_all_of(part) for part in value]
        return merge_all_of(value)
    return value


def _combine(first: Schema, second: Any) -> Schema | None:
    """One schema that means both, or None where plain keywords cannot say it."""
    if not isinstance(second, dict) or _stands_apart(first) or _stands_apart(second):
        return None
    result = dict(first)
    for key, value in second.items():
        if key not in result:
            result[key] = value
        elif key == "properties":
            result[key] = dict(result[key])
            for name, part in value.items():
                known = result[key].get(name)
                both = part if known is None else merge_all_of({"allOf": [known, part]})
                result[key][name] = both
        elif key == "required":
            result[key] = [*result[key], *(name for name in value if name not in result[key])]
        elif result[key] != value and not is_annotation(key):
            return None
    return result


def map_schemas(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """A copy in which `change` has been applied to every schema, the innermost first."""
    if not isinstance(schema, dict):
        return schema
    copy = dict(schema)
    for key, value in schema.items():
        if key in SCHEMA_LISTS and isinstance(value, list):
            copy[key] = [map_schemas(part, change) for part in value]
        elif key in SCHEMA_MAPS and isinstance(value, dict):
            copy[key] = {name: map_schemas(part, change) for name, part in value.items()}
        elif key in SCHEMA_VALUES:
            copy[key] = map_schemas(value, change)
    return change(copy)


def _stands_apart(schema: Schema) -> bool:
    return any(key in _APART and schema[key] is not True for key in schema) or "allOf" in schema


def is_annotation(key: str) -> bool:
    """Whether a keyword says something to readers only."""
    return key.startswith("x-") or key in {
        *("title", "description", "default", "examples", "example", "deprecated"),
        *("readOnly", "writeOnly", "externalDocs", "discriminator", "$comment", "$id", "$schema"),
    }


def types(schema: Any) -> tuple[str, ...]:
    """The JSON types that a schema names, in its order; empty where it names none."""
    found = schema.get("type") if isinstance(schema, dict) else None
    if isinstance(found, str):
        return (found,)
    return tuple(found) if isinstance(found, list) else ()


def properties(schema: Any) -> dict[str, Any]:
    """The properties that a schema knows, also those of the alternatives it is made of."""
    if not isinstance(schema, dict):
        return {}
    known: dict[str, Any] = {}
    for key in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(key, []):
            known |= properties(part)
    known.update(schema.get("properties", {}))
    return known


def is_free_form(schema: Any) -> bool:
    """Whether this is an object of which the schema knows no field, so that it may hold any."""
    return (
        isinstance(schema, dict)
        and types(schema) in (("object",), ())
        and not properties(schema)
        and schema.get("additionalProperties", True) is not False
        and "enum" not in schema
        and "const" not in schema
    )


def walk(schema: Any, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field below a schema with its own schema, in the order of the document."""
    for name, part in properties(schema).items():
        if isinstance(part, dict):
            yield from _walk_value(part, f"{path}.{name}" if path else name)


def _walk_value(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield path, schema
    items = schema.get("items")
    if isinstance(items, dict):
        yield from _walk_value(items, f"{path}[]")
    yield from walk(schema, path)


def fields(schema: Any) -> Mapping[str, Field]:
    """The fields of an event by dotted path."""
    return {
        path: Field(
            path,
            "|".join(types(part)) or ("object" if properties(part) else "any"),
            str(part.get("format", "")),
            str(part.get("description", "")),
        )
        for path, part in walk(schema)
    }


def payload_key(schema: Any) -> str | None:
    """The one property below `payload`, or None where there are none or several."""
    below = properties(properties(schema).get(PAYLOAD))
    return next(iter(below)) if len(below) == 1 else None


def has_envelope(schema: Any) -> bool:
    """Whether `name`, at the top, is the name of the event rather than that of something else."""
    known = properties(schema)
    return NAME in known and (PAYLOAD in known or "version" in known)
