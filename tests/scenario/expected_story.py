"""Expectations and the events that a test tells them of: shared by their tests."""

from __future__ import annotations

from typing import Any

from script_texts import CAST, parsed

from simulator.scenario.expectations import ExpectationObserver, Verdict
from simulator.scenario.script import Text
from simulator.scenario.templates import Template, render_value

SECOND = 1_000_000_000
ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
USERS = {"alice": ALICE, "bob": BOB}
SCOPE = {"alice.id": ALICE, "bob.id": BOB, "limit": 20007, "who": "bob"}
CODE = "payload.userDisconnected.code"


def resolve(text: Text) -> str:
    name = text.render(SCOPE) if isinstance(text, Template) else text
    return USERS.get(str(name), str(name))


class Story:
    """Expectations, and events that a test tells them of."""

    def __init__(self, expectations: str) -> None:
        text = (
            f"{CAST}variables: {{limit: 20007, who: bob}}\nsteps: []\nexpect:\n  - {expectations}"
        )
        self.observer = ExpectationObserver(
            parsed(text).expectations,
            resolve,
            render=lambda value: render_value(value, SCOPE),
            users=USERS,
        )
        self._second = 0

    def tell(
        self, name: str, user: str | None = "alice", *, topic: str = "chat", **more: Any
    ) -> None:
        """One event, a second after the one before; its id is its number."""
        self._second += 1
        user_id = USERS.get(user, user) if user else None
        event = {"id": f"no-{self._second}", "name": name, "userId": user_id, **more}
        self.observer.observe(topic, name, user_id, event, self._second * SECOND)

    def limit(self, user: str, code: int = 20007) -> None:
        self.tell("userChatRateLimited", user, payload={"userDisconnected": {"code": code}})

    def refuse(self, reason: str, user: str = "alice") -> None:
        self.observer.observe_refusal(USERS.get(user, user), reason)

    @property
    def verdict(self) -> Verdict:
        [verdict] = self.observer.verdicts()
        return verdict

    @property
    def text(self) -> str:
        """The verdict's text without the place."""
        verdict = self.verdict
        assert verdict.text.startswith(f"{verdict.at}: ")
        assert str(verdict.at) == "x.yaml:6:5"
        return verdict.text.removeprefix(f"{verdict.at}: ")

    def holds(self) -> str:
        assert self.verdict.ok
        return self.text

    def fails(self) -> str:
        assert not self.verdict.ok
        return self.text


LIMITED = "count: {event: userChatRateLimited, user: alice, is: 1}"
ORDER = "order: [userConnected, {event: personalChatSent, user: bob}, userDisconnected]"
ALL = f"all: {{of: userDisconnected, have: {{where: {{{CODE}: 1000}}}}}}"
