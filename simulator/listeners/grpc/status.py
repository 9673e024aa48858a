"""From errors to gRPC statuses: one table, and the details that name the fields at fault."""

from __future__ import annotations

import grpc
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from simulator import catalog, log, snapshots
from simulator.errors import SimulatorError
from simulator.listeners.grpc import errors
from simulator.listeners.grpc.errors import FieldViolation
from simulator.listeners.grpc.limits import MAX_STATUS_DETAILS_BYTES, MAX_STATUS_TEXT_BYTES
from simulator.log import fault_rules, placement
from simulator.publishing import LogUnavailable
from simulator.scenario import errors as scenario

CODES: tuple[tuple[type[SimulatorError], grpc.StatusCode], ...] = (
    (errors.InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.ShuttingDown, grpc.StatusCode.UNAVAILABLE),
    (LogUnavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.WaitOver, grpc.StatusCode.DEADLINE_EXCEEDED),
    (errors.NoSuchEvent, grpc.StatusCode.NOT_FOUND),
    (errors.NoSuchTarget, grpc.StatusCode.NOT_FOUND),
    (errors.TargetExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.SubscriptionEnded, grpc.StatusCode.NOT_FOUND),
    (errors.NotPublishedYet, grpc.StatusCode.OUT_OF_RANGE),
    (snapshots.SnapshotNotFound, grpc.StatusCode.NOT_FOUND),
    (snapshots.TooManySnapshots, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (log.TopicNotFound, grpc.StatusCode.NOT_FOUND),
    (log.PartitionNotFound, grpc.StatusCode.NOT_FOUND),
    (log.TopicExists, grpc.StatusCode.ALREADY_EXISTS),
    (log.OffsetOutOfRange, grpc.StatusCode.OUT_OF_RANGE),
    (log.LogFull, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (fault_rules.FaultNotFound, grpc.StatusCode.NOT_FOUND),
    (placement.UnknownNode, grpc.StatusCode.NOT_FOUND),
    (placement.NodeStopped, grpc.StatusCode.FAILED_PRECONDITION),
    (placement.NotAReplica, grpc.StatusCode.FAILED_PRECONDITION),
    (scenario.StoryNotFound, grpc.StatusCode.NOT_FOUND),
    (scenario.PlayNotFound, grpc.StatusCode.NOT_FOUND),
    (scenario.MessageTooLong, grpc.StatusCode.INVALID_ARGUMENT),
    (scenario.ChatError, grpc.StatusCode.FAILED_PRECONDITION),
    (scenario.ScenarioError, grpc.StatusCode.INVALID_ARGUMENT),
    (catalog.CatalogError, grpc.StatusCode.INVALID_ARGUMENT),
    (log.LogError, grpc.StatusCode.INVALID_ARGUMENT),
    (SimulatorError, grpc.StatusCode.FAILED_PRECONDITION),
)
"""The first class that fits an error decides its code."""


BLAMELESS = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
"""The same request may succeed at another time, so none of its fields is to blame."""


def status_code(error: SimulatorError) -> grpc.StatusCode:
    """Return the status code of an error."""
    while isinstance(error, errors.FieldError):
        error = error.cause
    return next(code for kind, code in CODES if isinstance(error, kind))


def violations(error: SimulatorError, field: str = "") -> list[FieldViolation]:
    """Return which fields of the request are at fault, below `field`, as far as the error says."""
    match error:
        case errors.FieldError():
            field = _joined(field, error.field)
            return violations(error.cause, field) or [FieldViolation(field, str(error.cause))]
        case errors.InvalidRequest():
            return [
                FieldViolation(_joined(field, entry.field), entry.description)
                for entry in error.violations
            ]
        case catalog.InvalidEvent():
            return [
                FieldViolation(_joined(field, entry.path), entry.message)
                for entry in error.violations
            ]
        case catalog.ConversionError():
            return [FieldViolation(_joined(field, error.path), str(error))]
        case scenario.ScriptError():
            return [FieldViolation(field, str(problem)) for problem in error.problems]
        case _:
            return []


def abort_arguments(
    error: SimulatorError,
) -> tuple[grpc.StatusCode, str, tuple[tuple[str, bytes], ...]]:
    """Return code, text and trailing metadata of the status that an error becomes.

    The metadata carries a `google.rpc.Status` with a `BadRequest` where fields are at fault. Text
    and details are cut to what fits into trailers.
    """
    code = status_code(error)
    text = _cut(str(error), MAX_STATUS_TEXT_BYTES)
    details = error_details_pb2.BadRequest()
    if code in BLAMELESS:
        return code, text, ()
    for field, description in violations(error):
        details.field_violations.add(field=_cut(field, 200), description=_cut(description, 500))
        if details.ByteSize() > MAX_STATUS_DETAILS_BYTES:
            del details.field_violations[-1]
            break
    if not details.field_violations:
        return code, text, ()
    status = status_pb2.Status(code=code.value[0], message=text)
    status.details.add().Pack(details)
    return code, text, (("grpc-status-details-bin", status.SerializeToString()),)


def _joined(field: str, below: str) -> str:
    """Join a field and what is below it: another field, or a JSON path such as `$.payload.x`."""
    if not field:
        return below
    return field + below.removeprefix("$") if below.startswith("$") else f"{field}.{below}"


def _cut(text: str, size: int) -> str:
    """Cut a text to a number of UTF-8 bytes; what UTF-8 cannot hold becomes `?`."""
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= size else data[: size - 3].decode(errors="ignore") + "..."
