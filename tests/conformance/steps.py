"""The steps written by hand: every module `steps_*` beside this one adds its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from brokers import Steps

_steps: dict[str, Steps] = {}


def steps(function: Steps) -> Steps:
    """Register what is to be done with both brokers, by the function's name."""
    name = function.__name__
    assert name not in _steps, f"two sets of steps are called {name}"
    _steps[name] = function
    return function


@cache
def all_steps() -> Mapping[str, Steps]:
    """All that there are, by name."""
    for module in sorted(Path(__file__).parent.glob("steps_*.py")):
        import_module(module.stem)
    return dict(sorted(_steps.items()))
