"""What clients produce to a topic of the catalogue is checked as events are everywhere else."""

from __future__ import annotations

from enum import Enum

import orjson

from simulator.catalog import Catalog, InvalidEvent, Violation
from simulator.log import Batch
from simulator.log.batches import Unchecked, decode_values


class EventChecks(Enum):
    """What is done with records that are no events of their topic.

    `REJECT` refuses the batch and says why, record by record; `MARK` stores it and marks the bad
    records as unchecked; `OFF` looks at none and marks them all.
    """

    REJECT = "reject"
    MARK = "mark"
    OFF = "off"


class BadEvents(Exception):
    """A batch that is refused: the reason for each bad record, by its index."""

    def __init__(self, records: dict[int, str]) -> None:
        self.records = records
        super().__init__()


def unchecked_records(checks: EventChecks, catalog: Catalog, topic: str, batch: Batch) -> Unchecked:
    """Which records of a batch are to be marked; raises BadEvents where that is not enough.

    Topics without message types take anything, and every topic takes a record without a value.
    """
    if topic not in catalog.channels or checks is EventChecks.OFF:
        return topic in catalog.channels
    bad = {
        index: reason
        for index, value in enumerate(decode_values(batch))
        if value is not None and (reason := _why_not(catalog, topic, value)) is not None
    }
    if bad and checks is EventChecks.REJECT:
        raise BadEvents(bad)
    return frozenset(bad)


def _why_not(catalog: Catalog, topic: str, value: bytes) -> str | None:
    """What is wrong with a value; None where it is an event of the topic."""
    try:
        catalog.check(topic, orjson.loads(value))
    except orjson.JSONDecodeError as error:
        violation = Violation("$", value, "json", f"not a JSON event: {error}")
        return str(InvalidEvent(topic, [violation]))
    except InvalidEvent as error:
        return str(error)
    return None
