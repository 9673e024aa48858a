"""Writes a recording as a script, and as the story itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulator.recording.steps import RecordedStep, Recording
from simulator.scenario import script
from simulator.scenario.durations import format_duration
from simulator.scenario.envelope import stamper

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED: Final = frozenset({"true", "false", "null"})
_ESCAPED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def script_text(
    recording: Recording, actors: Mapping[str, str], name: str, description: str
) -> str:
    """Return a recording as the YAML of a script; `actors` are names of users by id."""
    style = recording.style
    start, _ = stamper("nanoseconds")(recording.start)
    lines = [f"name: {_text(name)}", f"description: {_text(description)}"]
    lines.append(f"start: {start.replace('.000000000', '')}")
    lines.append(f"timestamps: {style.timestamps}")
    lines.append(f"namespace: {_text(style.namespace)}")
    if style.parent_namespace is not None:
        lines.append(f"parent_namespace: {_text(style.parent_namespace)}")
    lines.append(f"client_id: {_text(style.client_id)}")
    if actors:
        lines.append("users:")
        lines += [f"  {actor}: {{id: {_text(user_id)}}}" for user_id, actor in actors.items()]
    lines.append("steps:")
    for step in recording.steps:
        lines += _lines(step, actors)
    return "\n".join([*lines, ""])


def _lines(step: RecordedStep, actors: Mapping[str, str]) -> Iterator[str]:
    if step.wait:
        yield f"  - wait: {format_duration(step.wait)}"
    produce = dict(step.produce)
    changes = dict(produce.get("set", {}))
    actor = actors.get(changes.get("userId", ""), None)
    if actor is not None:
        del changes["userId"]
        event = produce.pop("event")
        produce = {"event": event, "user": actor, **produce, "set": changes}
        if not changes:
            del produce["set"]
    body = _value(produce, actors)
    if step.late:
        by = format_duration(step.late)
        yield f"  - late: {{by: {by}, steps: [{{produce: {body}}}]}}"
    else:
        yield f"  - produce: {body}"


def _value(value: Any, actors: Mapping[str, str]) -> str:
    """A value in one line; ids of actors by their names."""
    if isinstance(value, str):
        actor = actors.get(value)
        return _text(value) if actor is None else f'"${{{actor}.id}}"'
    if isinstance(value, dict):
        pairs = (f"{_name(name)}: {_value(part, actors)}" for name, part in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_value(item, actors) for item in value)}]"
    return json.dumps(value)


def _name(name: str) -> str:
    return name if _is_bare(name) else _quoted(name)


def _text(text: str) -> str:
    """A text in which nothing is to be filled in, in quotes unless it is a plain word."""
    return text if _is_bare(text) else _quoted(text.replace("${", "$${"))


def _is_bare(text: str) -> bool:
    return _BARE.fullmatch(text) is not None and text.lower() not in _RESERVED


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _ESCAPED.sub(_escape, escaped) + '"'


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def story(recording: Recording, name: str, file: str) -> script.Script:
    """Return a recording as a story that can be played at once, of any length."""
    at = script.Position(file, 1, 1)
    steps: list[script.Step] = []
    for step in recording.steps:
        if step.wait:
            steps.append(script.Wait(at, script.Span(step.wait, step.wait)))
        produce = step.produce
        one = script.Produce(
            at,
            produce.get("event"),
            produce.get("topic"),
            set=produce.get("set", {}),
            remove=tuple(produce.get("remove", ())),
            raw=produce.get("raw"),
            key=produce.get("key"),
            headers=tuple(produce.get("headers", {}).items()),
            validate=produce.get("validate", True),
        )
        steps.append(script.Late(at, step.late, (one,)) if step.late else one)
    style = recording.style
    return script.Script(
        name=name,
        file=file,
        steps=tuple(steps),
        start=recording.start,
        namespace=style.namespace,
        parent_namespace=style.parent_namespace,
        client_id=style.client_id,
        timestamps=style.timestamps,
    )
