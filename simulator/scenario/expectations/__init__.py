"""What must hold of a run's events."""

from simulator.scenario.expectations.observer import ExpectationObserver, Render, Resolve
from simulator.scenario.expectations.watches import Verdict, said_time

__all__ = ["ExpectationObserver", "Render", "Resolve", "Verdict", "said_time"]
