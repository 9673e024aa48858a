"""`simulator.v1.Scenarios`: stories over gRPC."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator

from google.protobuf import timestamp_pb2

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.listeners.grpc.errors import FieldError
from simulator.listeners.grpc.filters import from_value
from simulator.listeners.grpc.requests import Checks
from simulator.listeners.grpc.starts import timestamp_is_valid
from simulator.scenario import library, load_script, parse_script
from simulator.scenario.errors import PlayError, TemplateError
from simulator.scenario.player import Play, Player, PlayState
from simulator.scenario.script import Script
from simulator.v1 import scenarios_pb2

STATES = {
    PlayState.RUNNING: scenarios_pb2.PLAY_STATE_RUNNING,
    PlayState.PASSED: scenarios_pb2.PLAY_STATE_PASSED,
    PlayState.FAILED: scenarios_pb2.PLAY_STATE_FAILED,
    PlayState.ERROR: scenarios_pb2.PLAY_STATE_ERROR,
    PlayState.STOPPED: scenarios_pb2.PLAY_STATE_STOPPED,
}


class ScenariosServicer:
    """One method for each of the service; the player does the work."""

    def __init__(self, player: Player, catalog: Catalog, speed: float | None) -> None:
        """`speed` counts for requests that give none."""
        self._player = player
        self._catalog = catalog
        self._speed = speed

    async def list_scenarios(
        self, request: scenarios_pb2.ListScenariosRequest
    ) -> scenarios_pb2.ListScenariosResponse:
        """List the stories of the library."""
        return scenarios_pb2.ListScenariosResponse(
            scenarios=[
                scenarios_pb2.ScenarioInfo(name=story.name, description=story.description)
                for story in library.stories()
            ]
        )

    async def play(
        self, request: scenarios_pb2.PlayRequest
    ) -> AsyncGenerator[scenarios_pb2.PlayProgress, None]:
        """Play a story: progress at most ten times a second, and at the end the outcome.

        Whatever ends the call before the story has ended stops the play.
        """
        play = self._start(request)
        news = asyncio.Event()
        forget = play.on_progress(lambda _: news.set())
        try:
            running = True
            while running:
                news.clear()
                running = play.state is PlayState.RUNNING
                yield progress(play)
                if running:
                    await news.wait()
        finally:
            forget()
            play.stop()

    async def stop(self, request: scenarios_pb2.StopRequest) -> scenarios_pb2.StopResponse:
        """Stop a play; one that has ended already is only told."""
        play = self._find(request.play_id)
        play.stop()
        return scenarios_pb2.StopResponse(play=progress(play))

    async def get_status(
        self, request: scenarios_pb2.GetStatusRequest
    ) -> scenarios_pb2.GetStatusResponse:
        """Tell how one play goes, or all that run and the latest that ended."""
        plays = [self._find(request.play_id)] if request.play_id else self._player.plays.values()
        return scenarios_pb2.GetStatusResponse(plays=map(progress, plays))

    def _find(self, play_id: str) -> Play:
        try:
            return self._player.find(play_id)
        except SimulatorError as error:
            raise FieldError("play_id", error) from None

    def _start(self, request: scenarios_pb2.PlayRequest) -> Play:
        kind = request.WhichOneof("script")
        checks = Checks()
        checks.require(kind, "script", "is missing; give `name` or `yaml`")
        checks.require(
            timestamp_is_valid(request.start), "start", "lies outside the years 1 to 9999"
        )
        checks.not_negative(request.speed, "speed")
        checks.require(request.speed != math.inf, "speed", "is inf; 0 plays as fast as possible")
        checks.done()
        try:
            script = self._script(request)
        except SimulatorError as error:
            raise FieldError(kind or "script", error) from None
        start = request.start
        try:
            return self._player.start(
                script,
                seed=request.seed if request.HasField("seed") else None,
                start=start.ToNanoseconds() if request.HasField("start") else None,
                speed=request.speed if request.HasField("speed") else self._speed,
                variables={name: from_value(value) for name, value in request.variables.items()},
            )
        except (PlayError, TemplateError) as error:
            raise FieldError("variables", error) from None

    def _script(self, request: scenarios_pb2.PlayRequest) -> Script:
        """Read the script; a client reaches the library by name, and no other file."""
        if request.WhichOneof("script") == "yaml":
            return parse_script(request.yaml, file="<request>", catalog=self._catalog)
        return load_script(library.find(request.name).path, catalog=self._catalog)


def progress(play: Play) -> scenarios_pb2.PlayProgress:
    """Describe how a play stands."""
    story_time = timestamp_pb2.Timestamp()
    story_time.FromNanoseconds(play.story_time_ns)
    return scenarios_pb2.PlayProgress(
        play_id=play.id,
        name=play.name,
        state=STATES[play.state],
        events=play.events,
        story_time=story_time,
        problems=play.problems,
        warnings=play.warnings,
    )
