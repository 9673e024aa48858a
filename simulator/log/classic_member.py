"""One member of a classic group, and what the protocols of several members have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from simulator.log.group_messages import (
    JoinedMember,
    JoinReply,
    JoinRequest,
    JoinResult,
    SyncReply,
    SyncResult,
)

NEW_MEMBER_JOIN_TIMEOUT: Final = 300_000
"""Milliseconds that a new member may wait for its first answer: it has no id to beat with, so that
nobody would notice if it went. Kafka's constant."""


class Member:
    """One member, and the answers that it waits for."""

    __slots__ = (
        "assignment",
        "deadline",
        "is_new",
        "join_reply",
        "member_id",
        "request",
        "sync_reply",
    )

    def __init__(self, member_id: str, request: JoinRequest) -> None:
        self.member_id = member_id
        self.request = request
        self.assignment = b""
        self.deadline = 0
        self.is_new = True  # until it is told of its first generation
        self.join_reply: JoinReply | None = None
        self.sync_reply: SyncReply | None = None

    @property
    def protocols(self) -> dict[str, bytes]:
        """Metadata by the name of the protocol."""
        return dict(self.request.protocols)

    @property
    def is_static(self) -> bool:
        """Whether it has an instance id (KIP-345)."""
        return bool(self.request.instance_id)

    @property
    def can_expire(self) -> bool:
        """Whether its deadline counts: one that waits for an answer is alive, unless it is new."""
        return self.is_new or (self.join_reply is None and self.sync_reply is None)

    def touch(self, now: int) -> None:
        """Begin its session anew."""
        self.deadline = now + self.request.session_timeout

    def matches(self, request: JoinRequest) -> bool:
        """Whether `request` offers what the member offered before."""
        return list(self.request.protocols) == list(request.protocols)

    def answer_join(self, result: JoinResult) -> None:
        """Answer its JoinGroup, if it waits for that."""
        reply, self.join_reply = self.join_reply, None
        if reply is not None:
            reply(result)

    def answer_sync(self, result: SyncResult) -> bool:
        """Answer its SyncGroup; False if it does not wait for that."""
        reply, self.sync_reply = self.sync_reply, None
        if reply is not None:
            reply(result)
        return reply is not None


def joined(members: Collection[Member], protocol: str) -> tuple[JoinedMember, ...]:
    """The members as their leader sees them."""
    return tuple(
        JoinedMember(m.member_id, m.request.instance_id, m.protocols[protocol]) for m in members
    )


def common_protocols(members: Collection[Member]) -> set[str]:
    """The protocols that every member has."""
    counts = Counter(name for member in members for name in member.protocols)
    return {name for name, count in counts.items() if count == len(members)}


def favourite_protocol(members: Collection[Member]) -> str:
    """Of the protocols that all have, the one that most members name first."""
    common = common_protocols(members)
    votes = Counter(next(name for name in member.protocols if name in common) for member in members)
    return votes.most_common(1)[0][0]
