from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from simulator import log, snapshots
from simulator.catalog import InvalidEvent, UnknownEvent, Violation
from simulator.errors import SimulatorError
from simulator.listeners.grpc.errors import (
    FieldError,
    FieldViolation,
    InvalidRequest,
    NotPublishedYet,
    ShuttingDown,
)
from simulator.listeners.grpc.status import abort_arguments, status_code
from simulator.publishing import LogUnavailable
from simulator.scenario.errors import (
    NotConnected,
    PlayNotFound,
    Problem,
    ScriptError,
    StoryNotFound,
)
from simulator.scenario.script import Position

Code = grpc.StatusCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequest([FieldViolation("a", "b")]), Code.INVALID_ARGUMENT),
        (ShuttingDown(), Code.UNAVAILABLE),
        (LogUnavailable("away"), Code.UNAVAILABLE),
        (NotPublishedYet("t", 0, 7, 3), Code.OUT_OF_RANGE),
        (snapshots.SnapshotNotFound("x"), Code.NOT_FOUND),
        (snapshots.TooManySnapshots("x"), Code.RESOURCE_EXHAUSTED),
        (log.TopicNotFound("t"), Code.NOT_FOUND),
        (log.PartitionNotFound("t", 1, 1), Code.NOT_FOUND),
        (log.TopicExists("t"), Code.ALREADY_EXISTS),
        (log.InvalidTopicName("t", "rule"), Code.INVALID_ARGUMENT),
        (log.InvalidTopicSetting("s", 1, "rule"), Code.INVALID_ARGUMENT),
        (log.OffsetOutOfRange("t", 0, 9, 1, 3), Code.OUT_OF_RANGE),
        (log.RecordTooLarge("t", 9, "b", 1), Code.INVALID_ARGUMENT),
        (
            log.LogFull("t", 9, max_bytes=1, held=1, records=1, snapshots=0),
            Code.RESOURCE_EXHAUSTED,
        ),
        (InvalidEvent("t", [Violation("$.a", 1, "r", "m")]), Code.INVALID_ARGUMENT),
        (UnknownEvent("x"), Code.INVALID_ARGUMENT),
        (StoryNotFound("x"), Code.NOT_FOUND),
        (PlayNotFound("x"), Code.NOT_FOUND),
        (ScriptError([]), Code.INVALID_ARGUMENT),
        (NotConnected("x"), Code.FAILED_PRECONDITION),
        (SimulatorError("x"), Code.FAILED_PRECONDITION),
    ],
)
def test_codes(error: SimulatorError, code: grpc.StatusCode) -> None:
    assert status_code(error) is code
    assert status_code(FieldError("field", FieldError("inner", error))) is code


def details(error: SimulatorError) -> dict[str, str]:
    code, text, metadata = abort_arguments(error)
    ((key, data),) = metadata
    assert key == "grpc-status-details-bin"
    status = status_pb2.Status.FromString(data)
    assert (status.code, status.message) == (code.value[0], text)
    bad_request = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(bad_request)
    return {entry.field: entry.description for entry in bad_request.field_violations}


def test_json_paths_are_joined_to_the_field_of_the_request() -> None:
    broken = InvalidEvent(
        "chat", [Violation("$.payload.x", 1, "r", "first"), Violation("$.id", 1, "r", "second")]
    )
    assert details(FieldError("records[2].json", broken)) == {
        "records[2].json.payload.x": "first",
        "records[2].json.id": "second",
    }


def test_problems_of_a_script_have_their_places() -> None:
    problem = Problem(Position("<request>", 3, 7), "unknown step")
    assert details(FieldError("yaml", ScriptError([problem]))) == {
        "yaml": "<request>:3:7: unknown step"
    }


def test_an_error_without_fields_has_no_details() -> None:
    assert abort_arguments(ShuttingDown())[2] == ()


def test_no_field_is_to_blame_for_a_full_log() -> None:
    full = log.LogFull("t", 9, max_bytes=1, held=1, records=1, snapshots=0)
    code, text, metadata = abort_arguments(FieldError("records[0]", full))
    assert code is Code.RESOURCE_EXHAUSTED
    assert "full" in text
    assert metadata == ()


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600", "\x00", "\ud800"])
def test_a_status_fits_into_trailers_whatever_it_tells(letter: str) -> None:
    many = [FieldViolation(f"field[{n}]" + letter * 500, letter * 2000) for n in range(500)]
    code, text, metadata = abort_arguments(InvalidRequest(many))
    assert code is Code.INVALID_ARGUMENT
    percent_encoded = 3 * len(text.encode())
    base64 = sum(len(data) for _, data in metadata) * 4 / 3
    assert percent_encoded + base64 + 200 < 8192  # gRPC's default for received metadata
    assert metadata
    assert details(InvalidRequest([FieldViolation("field", letter)]))
