"""Whether an app answers repeated events as it answered them the first time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.cli.wishes import playable
from simulator.handlers import Chaos, DeliverySettings

if TYPE_CHECKING:
    from simulator.cli.delivery_stories import Stories
    from simulator.handlers.app import Answer
    from simulator.handlers.delivery import Answered


async def differing_answers(wanted: Stories, target: str, settings: DeliverySettings) -> list[str]:
    """Deliver all events once, and then each twice in another order; a line for each difference.

    An event that is answered with one status code at first and with another when it comes again
    was not treated alike. Raises NotDelivered where the app does not take everything in time.
    """
    from simulator.simulator import AsyncSimulator

    names: dict[str, str] = {}
    rounds: list[dict[str, list[str]]] = [{}, {}]

    def hears(number: int) -> Answered:
        def answered(event_id: str, name: str, answer: Answer) -> None:
            names[event_id] = name
            rounds[number].setdefault(event_id, []).append(answer.code)

        return answered

    chaos = Chaos(duplicate=True, shuffle=True)
    async with AsyncSimulator(wanted.settings()) as sim:
        for story in wanted.names:
            await sim.play(playable(story, (), sim), seed=wanted.seed, start=wanted.start)
        for number, each in enumerate((settings, replace(settings, chaos=chaos))):
            once = replace(each, group=f"idempotency-{number}")
            sim.handlers.add(target, once, answered=hears(number))
            await sim.handlers.wait_idle(wanted.timeout)
            await sim.handlers.remove(target)
    first, again = rounds
    return [
        f"{names[event_id]} {event_id}: {first[event_id][-1]}, and again {', '.join(codes)}"
        for event_id, codes in again.items()
        if event_id in first and set(codes) != {first[event_id][-1]}
    ]
