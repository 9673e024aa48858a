"""The pytest plugin: two fixtures, the marker `scenario`, events in failure reports.

It is loaded by its entry point wherever the package is installed, so importing it is cheap: the
simulator itself is imported by the first test that asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simulator.facade import Simulator
    from simulator.handlers_control import HostedHandler

LAST_EVENTS = 20
"""How many events a failure report shows."""

_SIMULATOR: pytest.StashKey[Simulator] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line(
        "markers",
        "scenario(story, *, seed=None, start=None, variables=None): play a story, by name or by "
        "path (from the test's folder, else from where pytest was started), on the `simulator` "
        "fixture before the test; several markers play from top to bottom",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test with a scenario the fixture that plays it."""
    for item in items:
        names: list[str] = getattr(item, "fixturenames", [])
        if item.get_closest_marker("scenario") and "simulator" not in names:
            names.append("simulator")


@pytest.fixture
def simulator_settings() -> dict[str, Any]:
    """Keyword arguments of the `Simulator` that the fixture `simulator` makes; override to set."""
    return {}


@pytest.fixture
def simulator(
    request: pytest.FixtureRequest, simulator_settings: dict[str, Any]
) -> Iterator[Simulator]:
    """A simulator that is ready and empty, for this test alone."""
    from simulator.errors import SimulatorError
    from simulator.facade import Simulator

    with Simulator(**simulator_settings) as sim:
        # iter_markers gives the nearest first; stories are read from top to bottom.
        for marker in reversed(list(request.node.iter_markers("scenario"))):
            try:
                sim.play(*_beside(request.node.path, marker.args), **marker.kwargs)
            except SimulatorError:
                request.node.add_report_section("setup", "simulator", _last_events(sim))
                raise
        request.node.stash[_SIMULATOR] = sim
        yield sim


@pytest.fixture
def event_handler(simulator: Simulator) -> Iterator[Callable[..., HostedHandler]]:
    """Host handlers in this process, and deliver to them: `event_handler(MyServicer())`.

    What it takes is what `simulator.handlers.host` takes.
    """
    with ExitStack() as hosted:

        def host(*servicers: object, **options: Any) -> HostedHandler:
            return hosted.enter_context(simulator.handlers.host(*servicers, **options))

        yield host


def _beside(test_file: Path, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Take a story's relative path from the folder of the test, where there is such a file."""
    if arguments and isinstance(arguments[0], str | PathLike):
        beside = test_file.parent / arguments[0]
        if beside.is_file():
            return (beside, *arguments[1:])
    return arguments


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last events to the report of a test that failed."""
    report = yield
    sim = item.stash.get(_SIMULATOR, None)
    if sim is None:
        return report
    if report.when == "teardown":
        del item.stash[_SIMULATOR]
    elif report.failed:
        report.sections.append(("simulator", _last_events(sim)))
    return report


def _last_events(sim: Simulator) -> str:
    from simulator.errors import SimulatorError

    try:
        events = sim.events()
        names = sim.names()
    except SimulatorError as error:
        return f"no events to show: {error}"
    if not events:
        return "no events"
    shown = events[-LAST_EVENTS:]
    head = [f"the last {len(shown)} of {len(events)} events:"] if len(shown) < len(events) else []
    return "\n".join(
        head + [f"{names.get(event.user_id or '', '-'):>12} {event!r}" for event in shown]
    )
