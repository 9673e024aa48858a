"""Stories and records on a running simulator."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli import failures
from simulator.cli.specs import catalog_of
from simulator.cli.summary import Summary, how_far
from simulator.cli.wishes import RECORDS, Wishes

if TYPE_CHECKING:
    from simulator.cli.terminal import Progress
    from simulator.v1.scenarios_pb2 import PlayProgress, PlayRequest


def play_there(server: str, wishes: Wishes, progress: Progress, *, as_json: bool) -> Summary:
    """Play a story on a running simulator, and sum it up."""
    if wishes.story.endswith(RECORDS):
        return _send_there(server, wishes, progress, as_json=as_json)
    from simulator.cli.client import Client

    request, name = _request(wishes)
    last: PlayProgress | None = None
    begin, begin_ns = time.monotonic(), 0
    with Client(server) as client:
        for now in client.play(request):
            time_ns = now.story_time.ToNanoseconds()
            begin_ns = begin_ns or time_ns
            last = now
            if as_json:
                click.echo(_progress_line(now))
            progress.update(lambda: how_far(name, now.events, time_ns))  # noqa: B023
    if last is None:
        raise failures.CommandFailed(f"{server} did not say how the story went")
    return Summary(
        name=name,
        state=_state(last),
        events=dict(sorted(last.events.items())),
        problems=[text.replace("<request>", wishes.story) for text in last.problems],
        warnings=[text.replace("<request>", wishes.story) for text in last.warnings],
        story_s=(last.story_time.ToNanoseconds() - begin_ns) / 1e9,
        real_s=time.monotonic() - begin,
    )


def _send_there(server: str, wishes: Wishes, progress: Progress, *, as_json: bool) -> Summary:
    from simulator.cli.play_records import play_records
    from simulator.v1.scenarios_pb2 import PlayProgress, PlayState

    now = PlayProgress(name=Path(wishes.story).stem, state=PlayState.PLAY_STATE_RUNNING)

    def look(events: Mapping[str, int], time_ns: int) -> None:
        if as_json and now.events != events:
            now.events.update(events)
            now.story_time.FromNanoseconds(time_ns)
            click.echo(_progress_line(now))
        progress.update(lambda: how_far(now.name, events, time_ns))

    story = wishes.story
    summary = play_records(server, story, start=wishes.start, speed=wishes.speed, look=look)
    if as_json:
        now.state = PlayState.PLAY_STATE_PASSED
        click.echo(_progress_line(now))
    return summary


def _request(wishes: Wishes) -> tuple[PlayRequest, str]:
    """Return what to ask of the server, and the name of the story."""
    from google.protobuf.json_format import ParseDict
    from google.protobuf.struct_pb2 import Value

    from simulator.cli.sending import LibraryFiles
    from simulator.instants import instant_ns
    from simulator.scenario.parser import load_script, parse_script
    from simulator.v1.scenarios_pb2 import PlayRequest

    request = PlayRequest(seed=wishes.seed, speed=wishes.speed)
    if _is_path(wishes.story):
        # The server may run elsewhere and not find the file; mistakes are found here, all of them.
        name = load_script(wishes.story, catalog=catalog_of(wishes.specs)).name
        request.yaml = Path(wishes.story).read_text("utf-8")
        parse_script(request.yaml, file=wishes.story, resolver=LibraryFiles(wishes.story))
    else:
        request.name = name = wishes.story
    if wishes.start is not None:
        request.start.FromNanoseconds(instant_ns(wishes.start))
    for variable, value in wishes.variables.items():
        request.variables[variable].CopyFrom(ParseDict(value, Value()))
    return request, name


def _is_path(story: str) -> bool:
    return "/" in story or os.sep in story or story.endswith((".yaml", ".yml"))


def _state(progress: PlayProgress) -> str:
    from simulator.v1.scenarios_pb2 import PlayState

    return PlayState.Name(progress.state).removeprefix("PLAY_STATE_").lower()


def _progress_line(progress: PlayProgress) -> str:
    return json.dumps(
        {
            "play": progress.play_id,
            "name": progress.name,
            "state": _state(progress),
            "events": dict(sorted(progress.events.items())),
            "story_time": progress.story_time.ToJsonString(),
            "problems": list(progress.problems),
            "warnings": list(progress.warnings),
        }
    )
