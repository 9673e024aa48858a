"""The parcels of a batch sent side by side, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Any, Final

from simulator.handlers.parcels import Parcel

TOGETHER: Final = 25
"""Events that are made ready at once: the app has them while the next are made ready."""
IN_FLIGHT: Final = 500
"""Calls at once, as on the platform (facts, section 4). Servers on gRPC's C core cancel what comes
when a thousand calls wait (`grpc.server_max_pending_requests`)."""


async def all_at_once(
    parcels: Iterator[Parcel], send: Callable[[Parcel], Coroutine[Any, Any, bool]]
) -> None:
    """Send parcels, as many at once as may be; returns when each was sent, or raises what ended it.

    Parcels are taken from the iterator a few at a time, and the loop turns in between.
    """
    room = asyncio.Semaphore(IN_FLIGHT)

    async def send_and_make_room(parcel: Parcel) -> None:
        await send(parcel)
        room.release()

    async with asyncio.TaskGroup() as sending:
        while together := list(islice(parcels, TOGETHER)):
            for parcel in together:
                await room.acquire()
                sending.create_task(send_and_make_room(parcel))
            await asyncio.sleep(0)
