"""Steps about single records: any event of the catalogue, any text, and copies."""

from __future__ import annotations

from typing import Any

from simulator.catalog import Catalog, MessageType
from simulator.instants import NotAnInstant, instant_ns
from simulator.scenario.engine.frame import Frame
from simulator.scenario.engine.paths import remove_path, set_path
from simulator.scenario.engine.task import Going
from simulator.scenario.errors import ScenarioError
from simulator.scenario.script import Duplicate, Produce
from simulator.scenario.templates import Renderer, as_text


def produce(frame: Frame, step: Produce) -> Going:
    """Publish one record.

    An event starts as the catalogue's example in a fresh envelope; then `set`, then `remove`. Its
    record has the event's timestamp, or the story's time where the event has no readable one.
    """
    run = frame.run
    # All parts together: a thousand of them would each be within bounds.
    render = Renderer(frame.scope, "the record is").render
    topic = None if step.topic is None else frame.text(step.topic)
    _, now_ms = run.stamp(run.now_ns - frame.shift)
    value: dict[str, Any] | str
    if step.raw is not None:
        if topic is None:
            raise ScenarioError("a raw record needs a `topic`")
        value, timestamp = frame.text(step.raw), now_ms
    else:
        message = _message(run.emitter.publisher.catalog, frame.text(step.event or ""), topic, step)
        topic = message.channel if topic is None else topic
        value = _event(frame, step, message)
        for path, item in step.set.items():
            set_path(value, path, render(item))
        for path in step.remove:
            remove_path(value, path)
        timestamp = _timestamp_ms(value.get("timestamp"), now_ms)
    near_misses = run.emitter.publish(
        topic,
        value,
        timestamp,
        key=None if step.key is None else frame.text(step.key),
        headers=tuple((name, as_text(render(text)).encode()) for name, text in step.headers),
        partition=step.partition,
        validate=None if step.validate else False,
    )
    run.warnings.add(f"{step.at}: {near_miss.message}" for near_miss in near_misses)
    yield from ()


def duplicate(frame: Frame, step: Duplicate) -> Going:
    """Publish the story's latest records again, as a batch in their order, byte for byte.

    Copies do not count among the latest themselves.
    """
    run = frame.run
    places = run.emitter.latest(step.event, step.last)
    if len(places) < step.last:
        what = step.event or "records"
        raise ScenarioError(
            f"cannot repeat the last {step.last} {what}: the story has published {len(places)}"
        )
    for _ in range(step.times):
        for place in places:
            if not run.emitter.publish_again(place):
                raise ScenarioError(
                    f"the log no longer holds offset {place.offset} of {place.topic}-"
                    f"{place.partition}, which is to be published again"
                )
            yield from frame.breathe()


def _message(catalog: Catalog, name: str, topic: str | None, step: Produce) -> MessageType:
    """The type of an event; one that goes where it does not belong is found by its name alone."""
    channel = None if topic is None else catalog.channels.get(catalog.topic(topic))
    if channel is None or (name not in channel.messages and not step.validate):
        return catalog.find(name)
    return catalog.message(channel.name, name)


def _event(frame: Frame, step: Produce, message: MessageType) -> dict[str, Any]:
    if not message.has_envelope:
        return message.example
    run = frame.run
    user_id = session_id = None
    if step.user is not None:
        user_id = run.cast.user(frame.text(step.user))
        session_id = run.service.account(user_id).session_id
    text, _ = run.stamp(run.now_ns - frame.shift)
    ids = frame.branch.ids
    return run.envelopes.renew(
        message.example, message.name, ids.new_id(), text, user_id, ids.new_trace(), session_id
    )


def _timestamp_ms(stamp: object, otherwise: int) -> int:
    if not isinstance(stamp, str):
        return otherwise
    try:
        return instant_ns(stamp) // 1_000_000
    except NotAnInstant:
        return otherwise
