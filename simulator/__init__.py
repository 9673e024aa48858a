"""A local Kafka simulator and mock broker for chat events.

```python
from simulator import Simulator

with Simulator() as sim:
    sim.play("rate_limited")
    assert sim.events("chat", name="userChatRateLimited", user="alice")
```
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.catalog import Catalog, InvalidEvent
    from simulator.errors import SimulatorError
    from simulator.facade import Simulator
    from simulator.log import Record, Retention
    from simulator.scenario.errors import PlayFailed, ScriptError
    from simulator.scenario.player import Outcome
    from simulator.security import KafkaSecurity, Tls
    from simulator.settings import KafkaBroker
    from simulator.simulator import AsyncSimulator
    from simulator.testing.events import Event
    from simulator.testing.waiting import WaitTimeout

__all__ = [
    "AsyncSimulator",
    "Catalog",
    "Event",
    "InvalidEvent",
    "KafkaBroker",
    "KafkaSecurity",
    "Outcome",
    "PlayFailed",
    "Record",
    "Retention",
    "ScriptError",
    "Simulator",
    "SimulatorError",
    "Tls",
    "WaitTimeout",
]

# Loaded at first use: the command line and the pytest plugin start without gRPC this way.
_HOMES = {
    "AsyncSimulator": "simulator.simulator",
    "Catalog": "simulator.catalog",
    "Event": "simulator.testing.events",
    "InvalidEvent": "simulator.catalog",
    "KafkaBroker": "simulator.settings",
    "KafkaSecurity": "simulator.security",
    "Outcome": "simulator.scenario.player",
    "PlayFailed": "simulator.scenario.errors",
    "Record": "simulator.log",
    "Retention": "simulator.log",
    "ScriptError": "simulator.scenario.errors",
    "Simulator": "simulator.facade",
    "SimulatorError": "simulator.errors",
    "Tls": "simulator.security",
    "WaitTimeout": "simulator.testing.waiting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simulator' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
