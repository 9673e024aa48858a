"""A synchronous client of a running simulator, with errors that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

import grpc

from simulator.cli import interrupts
from simulator.errors import SimulatorError
from simulator.log.record import Record
from simulator.loopback import past_proxies
from simulator.v1 import broker_pb2 as broker
from simulator.v1 import chat_pb2, record_pb2, scenarios_pb2
from simulator.v1.broker_pb2_grpc import BrokerStub
from simulator.v1.chat_pb2_grpc import ChatStub
from simulator.v1.scenarios_pb2_grpc import ScenariosStub

if TYPE_CHECKING:
    from grpc import _CallIterator as CallIterator

DEADLINE_S: Final = 15.0
"""For calls that are answered at once; those that follow something have none."""

PUBLISH_S: Final = 40.0
"""For publishing: a simulator on top of a Kafka cluster waits 30 s for that before it gives up."""

_OURS: Final = re.compile(
    r"shutting down|takes nothing|has not acknowledged|offsets of group|has not been read"
    r"|was stopped"
)
"""What a simulator says with UNAVAILABLE, and gRPC, which has found nobody to ask, does not."""

_REQUEST_FIELD: Final = re.compile(
    r"(records|topics?|event|before|from|filter|group|name|yaml|target|settings)"
    r"(\[\d+\])?(\.\w+(\[\d+\])?)*: ",
    re.ASCII,
)
"""How an error begins that names the request's field: the command line has no such fields."""


def channel_options(target: str) -> list[tuple[str, int]]:
    """Return the options of a connection to a simulator."""
    return [("grpc.max_receive_message_length", -1), *past_proxies(target)]


def _without_field(details: str) -> str:
    match = _REQUEST_FIELD.match(details)
    return details[match.end() :] if match else details


class ServerError(SimulatorError):
    """A running simulator refuses a call, or does not answer.

    `details` is the text of the server, which begins with the field of the request; `is_refusal`
    says that the request itself is wrong.
    """

    def __init__(self, text: str, details: str = "", *, is_refusal: bool = False) -> None:
        self.details = details
        self.is_refusal = is_refusal
        super().__init__(text)


class Client:
    """Calls to one simulator. A context manager, since a connection must be closed."""

    def __init__(self, target: str) -> None:
        """`target` is `host:port`; nothing is connected before the first call."""
        self.target = target
        self.channel = grpc.insecure_channel(target, options=channel_options(target))
        self._broker = BrokerStub(self.channel)
        self._scenarios = ScenariosStub(self.channel)
        self._chat = ChatStub(self.channel)

    def __enter__(self) -> Self:
        interrupts.raise_again()  # the server is told when we leave
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    # --- topics ----------------------------------------------------------------------------

    def topics(self, *names: str) -> list[broker.TopicDescription]:
        """Describe the named topics, or all."""
        with self.answers():
            request = broker.DescribeTopicsRequest(topics=names)
            return list(self._broker.DescribeTopics(request, timeout=DEADLINE_S).topics)

    def groups(self, *names: str) -> list[broker.GroupDescription]:
        """Describe the named groups, or all."""
        with self.answers():
            request = broker.DescribeGroupsRequest(groups=names)
            return list(self._broker.DescribeGroups(request, timeout=DEADLINE_S).groups)

    def events(self, topic: str = "", event: str = "") -> Iterator[broker.EventDescription]:
        """Describe the events of the catalogue: those of a topic, or of a name, or all."""
        request = broker.DescribeEventsRequest(topic=topic, event=event)
        while True:
            with self.answers():
                response = self._broker.DescribeEvents(request, timeout=DEADLINE_S)
            yield from response.events
            request.page_token = response.next_page_token
            if not request.page_token:
                return

    def create_topic(self, request: broker.CreateTopicRequest) -> broker.TopicDescription:
        """Create a topic."""
        with self.answers():
            return self._broker.CreateTopic(request, timeout=DEADLINE_S).topic

    def delete_topic(self, topic: str) -> None:
        """Delete a topic and its records."""
        with self.answers():
            self._broker.DeleteTopic(broker.DeleteTopicRequest(topic=topic), timeout=DEADLINE_S)

    def delete_records(
        self, before: Iterable[record_pb2.TopicPartitionOffset]
    ) -> list[record_pb2.TopicPartitionOffset]:
        """Delete the records before offsets; return where the partitions start now."""
        with self.answers():
            request = broker.DeleteRecordsRequest(before=before)
            return list(self._broker.DeleteRecords(request, timeout=DEADLINE_S).start_offsets)

    # --- records ---------------------------------------------------------------------------

    def publish(self, request: broker.PublishRequest) -> broker.PublishResponse:
        """Append records, all or none."""
        with self.answers(PUBLISH_S):
            return self._broker.Publish(request, timeout=PUBLISH_S)

    def publish_stream(
        self, requests: Iterator[broker.PublishRequest]
    ) -> broker.PublishStreamResponse:
        """Append the records of many requests, as long as they come."""
        with self.answers():
            return self._broker.PublishStream(requests)

    def subscribe(self, request: broker.SubscribeRequest) -> Subscription:
        """Read records; see `Subscription`."""
        return Subscription(self, self._broker.Subscribe(request))

    def acknowledge(self, group: str, offsets: Iterable[record_pb2.TopicPartitionOffset]) -> None:
        """Note that a group has dealt with records up to these."""
        with self.answers():
            request = broker.AcknowledgeRequest(group=group, offsets=offsets)
            self._broker.Acknowledge(request, timeout=DEADLINE_S)

    # --- stories ---------------------------------------------------------------------------

    def play(self, request: scenarios_pb2.PlayRequest) -> Iterator[scenarios_pb2.PlayProgress]:
        """Play a story; the last progress has the outcome. Leaving the iterator stops the play."""
        call = self._scenarios.Play(request)
        try:
            with self.answers():
                yield from call
        finally:
            call.cancel()

    def users(self, name: str = "") -> list[tuple[str, str]]:
        """The ids and names of all users, or of those called `name`; none where nobody can say."""
        request = chat_pb2.ListUsersRequest(name=name)
        with self.answers():
            try:
                answer = self._chat.ListUsers(request, timeout=DEADLINE_S)
            except grpc.RpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                    return []  # an older simulator
                raise
        return [(user.user_id, user.name) for user in answer.users]

    @contextmanager
    def answers(self, deadline_s: float = DEADLINE_S) -> Iterator[None]:
        """Turn the errors of calls into ones that a user can read."""
        try:
            yield
        except grpc.RpcError as error:
            refused = error.code() is grpc.StatusCode.INVALID_ARGUMENT
            details = error.details() or ""
            raise ServerError(
                self._explain(error, deadline_s), details, is_refusal=refused
            ) from None

    def _explain(self, error: grpc.RpcError, deadline_s: float) -> str:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAVAILABLE and not _OURS.search(details):
            port = self.target.rpartition(":")[2]
            option = "" if port == "50051" else f" --grpc-port {port}"
            return (
                f"no simulator answers at {self.target}; start one with: simulator serve{option}, "
                "or name another with --server"
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return f"what answers at {self.target} is no simulator of this version"
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer from {self.target} in {deadline_s:.0f} s"
        return _without_field(details) or f"{self.target} answers {code.name}"


class Subscription:
    """Records as they arrive. `cancel`, from any thread, ends it without an error."""

    def __init__(self, client: Client, call: CallIterator[broker.SubscribeResponse]) -> None:
        self._client = client
        self._call = call
        self._cancelled = False

    def cancel(self) -> None:
        """End the stream."""
        self._cancelled = True
        self._call.cancel()

    def __iter__(self) -> Iterator[broker.SubscribeResponse]:
        try:
            with self._client.answers():
                yield from self._call
        except ServerError:
            if not self._cancelled:
                raise
        finally:
            self._call.cancel()


def record_of(record: record_pb2.Record) -> Record:
    """Return a record of the protocol as one of the log."""
    kind = record.WhichOneof("value")
    value = None if kind is None else record.json.encode() if kind == "json" else record.raw
    headers = tuple(
        (header.name, header.value if header.HasField("value") else None)
        for header in record.headers
    )
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp_ms,
        key=record.key if record.HasField("key") else None,
        value=value,
        headers=headers,
        position=record.position,
        unchecked=record.unchecked,
    )


def publish_record(record: Record, topic: str) -> broker.PublishRecord:
    """Return a record of the log as one to publish; its key decides where it goes."""
    published = broker.PublishRecord(
        topic=topic,
        key=record.key,
        headers=[record_pb2.Header(name=name, value=value) for name, value in record.headers],
        timestamp_ms=record.timestamp,
    )
    if record.value is not None:
        published.raw = record.value
    return published
