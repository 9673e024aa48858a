"""Classic groups under any order of joins, syncs, silence and farewells: all get an answer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simulator.log.classic_group import ClassicGroup
from simulator.log.group_messages import (
    GroupError,
    GroupState,
    JoinRequest,
    JoinResult,
    SyncResult,
)

SESSION, REBALANCE = 10_000, 30_000
names = st.sampled_from("abcd")


class Client:
    """A client: `member_id` and `generation` are what it was told last."""

    def __init__(self, instance_id: str | None) -> None:
        self.instance_id = instance_id
        self.member_id = ""
        self.generation = -1
        self.joined: JoinResult | None = None
        self.assignment: bytes | None = None
        self.waits = False

    def forget(self) -> None:
        self.member_id, self.generation = "", -1
        self.joined = self.assignment = None


class Groups(RuleBasedStateMachine):
    @initialize(delay=st.sampled_from([0, 3000]))
    def found(self, delay: int) -> None:
        numbers = count(1)
        self.group = ClassicGroup(
            "g", lambda prefix: f"{prefix}-{next(numbers)}", initial_delay=delay
        )
        self.now = 0
        self.clients: dict[str, Client] = {}
        self.metadata = count()
        self.generation = 0
        self.asked = self.answered = 0

    def once(self, reply: Callable[[Any], None]) -> Callable[[Any], None]:
        """A reply that may be given once only."""
        self.asked += 1
        given = False

        def answer(result: Any) -> None:
            nonlocal given
            assert not given
            given = True
            self.answered += 1
            reply(result)

        return answer

    def join(self, name: str, metadata: bytes = b"m") -> None:
        client = self.clients[name]

        def reply(result: JoinResult) -> None:
            client.waits = False
            if result.error is GroupError.NONE:
                client.member_id, client.generation = result.member_id, result.generation
                client.joined, client.assignment = result, None
            elif result.error is GroupError.MEMBER_ID_REQUIRED:
                client.member_id = result.member_id
            else:
                client.forget()

        client.waits = True
        client.joined = client.assignment = None
        request = JoinRequest(
            client.member_id,
            client.instance_id,
            name,
            "h",
            "consumer",
            (("range", metadata),),
            SESSION,
            REBALANCE,
            known_id_required=True,
        )
        self.group.join(request, self.now, self.once(reply))

    def sync(self, name: str) -> None:
        client = self.clients[name]
        assert client.joined is not None

        def reply(result: SyncResult) -> None:
            client.waits = False
            if result.error is GroupError.NONE:
                client.assignment = result.assignment
            elif result.error is GroupError.REBALANCE_IN_PROGRESS:
                client.joined = None
            else:
                client.forget()

        client.waits = True
        self.group.sync(
            client.member_id,
            client.instance_id,
            client.generation,
            (None, None),
            {m.member_id: m.member_id.encode() for m in client.joined.members},
            self.now,
            self.once(reply),
        )

    def go_on(self, name: str) -> None:
        """What a client does next: join, fetch its assignment, or say that it is there."""
        client = self.clients[name]
        if client.waits:
            return
        if client.joined is None:
            self.join(name)
        elif client.assignment is None:
            self.sync(name)
        else:
            error = self.group.heartbeat(
                client.member_id, client.instance_id, client.generation, self.now
            )
            if error is GroupError.REBALANCE_IN_PROGRESS:
                client.joined = client.assignment = None
            elif error is not GroupError.NONE:
                client.forget()

    @rule(name=names, static=st.booleans())
    def come(self, name: str, static: bool) -> None:
        self.clients.setdefault(name, Client(f"instance-{name}" if static else None))
        self.go_on(name)

    @rule(name=names)
    def step(self, name: str) -> None:
        if name in self.clients:
            self.go_on(name)

    @rule(name=names)
    def join_with_news(self, name: str) -> None:
        if name in self.clients and not self.clients[name].waits:
            self.join(name, b"%d" % next(self.metadata))

    @rule(name=names)
    def ask_again_on_another_connection(self, name: str) -> None:
        client = self.clients.get(name)
        if client is not None and client.waits and client.member_id:
            self.join(name)

    @rule(name=names)
    def start_anew(self, name: str) -> None:
        """The process has ended and another begins; nobody told the group."""
        if name in self.clients:
            self.clients[name] = Client(self.clients[name].instance_id)

    @rule(name=names)
    def leave(self, name: str) -> None:
        client = self.clients.get(name)
        if client is not None and not client.waits and client.member_id:
            self.group.leave(client.member_id, client.instance_id, self.now)
            del self.clients[name]

    @rule(name=names)
    def vanish(self, name: str) -> None:
        self.clients.pop(name, None)

    @rule(seconds=st.sampled_from([1, 4, 9, 40]))
    def pass_time(self, seconds: int) -> None:
        self.until(self.now + seconds * 1000)

    def until(self, end: int) -> None:
        while (deadline := self.group.deadline) is not None and deadline <= end:
            assert deadline >= self.now - 1
            self.now = max(self.now, deadline)
            self.group.expire(self.now)
            following = self.group.deadline
            assert following is None or following > self.now, "it would be called for ever"
        self.now = end

    @invariant()
    def the_group_is_consistent(self) -> None:
        group = self.group
        assert group.generation >= self.generation
        self.generation = group.generation
        assert (group.state is GroupState.EMPTY) <= (not group.members)
        if group.members:
            assert group.leader in group.members
        if group.state in (GroupState.STABLE, GroupState.COMPLETING):
            assert group.members
            assert all(m.join_reply is None for m in group.members.values())
        if group.state in (GroupState.STABLE, GroupState.PREPARING):
            assert all(m.sync_reply is None for m in group.members.values())
        waiting = sum(
            (m.join_reply is not None) + (m.sync_reply is not None) for m in group.members.values()
        )
        assert self.asked - self.answered == waiting
        if waiting:
            assert group.deadline is not None

    def teardown(self) -> None:
        """Those who are still there come to share the work, within the time that they have."""
        if not hasattr(self, "group"):
            return
        for _ in range(400):
            self.until(self.now + 1000)
            for name in self.clients:
                self.go_on(name)
        living = {client.member_id for client in self.clients.values()}
        assert set(self.group.members) == living
        if living:
            assert self.group.state is GroupState.STABLE
        for client in self.clients.values():
            assert client.assignment == client.member_id.encode()
            assert client.generation == self.group.generation


Groups.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestGroups = Groups.TestCase
