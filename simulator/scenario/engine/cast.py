"""Who is who in a story: the users and parties that a script declares, and its crowds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from simulator.scenario.errors import UnknownActor
from simulator.scenario.identity import Identities
from simulator.scenario.script import Choose, Crowd, Fault, Late, Parallel, Repeat, Script, Step
from simulator.scenario.wording import quoted
from simulator.suggestions import closest, did_you_mean

_CROWD_USER: Final = re.compile(r"(.+)-(\d{5,9})", re.ASCII)


def crowd_user(crowd: str, number: int) -> str:
    """Return the name of a user of a crowd; numbers count from 1."""
    return f"{crowd}-{number:05d}"


def crowd_party(crowd: str, number: int) -> str:
    """Return the name of a party within a crowd; numbers count from 1."""
    return f"{crowd}-party-{number:05d}"


def all_steps(steps: Sequence[Step]) -> Iterator[Step]:
    """All steps of a script, those within others included."""
    for step in steps:
        yield step
        match step:
            case Late() | Repeat() | Fault():
                yield from all_steps(step.steps)
            case Parallel():
                for branch in step.branches:
                    yield from all_steps(branch)
            case Choose():
                for option in step.options:
                    yield from all_steps(option.steps)


class Group(NamedTuple):
    """A party: its id, and its members by name."""

    id: str
    members: tuple[str, ...]


class Cast:
    """The actors of one story, and their ids."""

    def __init__(self, script: Script, seed: int | str) -> None:
        """Ids that the script does not give follow from the seed and the names."""
        given_users = {user.name: user.id for user in script.users.values() if user.id}
        given_parties = {party.name: party.id for party in script.parties.values() if party.id}
        self.identities = Identities(seed, script.ids, given_users, given_parties)
        self.names = tuple(script.users)
        """The users that the script declares."""
        self._users = script.users
        self._parties = script.parties
        self._crowds: dict[str, int] = {}
        for step in all_steps(script.steps):
            if isinstance(step, Crowd):
                self._crowds[step.name] = max(step.users, self._crowds.get(step.name, 0))

    def users(self) -> Mapping[str, str]:
        """Return the ids of the declared users, by name."""
        return {name: self.identities.user(name) for name in self.names}

    def user(self, name: str) -> str:
        """Return the id of a user; raises `UnknownActor`."""
        if name in self._users:
            return self.identities.user(name)
        if self._is_in_crowd(name):
            return self.identities.passing_user(name)
        hint = did_you_mean(closest(name, self._users))
        known = self._known("users", self._users)
        raise UnknownActor(f"no user is called {quoted(name)}{hint or known}")

    def group(self, name: str) -> Group:
        """Return a party; raises `UnknownActor`."""
        party = self._parties.get(name)
        if party is None:
            hint = did_you_mean(closest(name, self._parties))
            known = self._known("parties", self._parties)
            raise UnknownActor(f"no party is called {quoted(name)}{hint or known}")
        return Group(self.identities.party(name), party.members)

    def user_id(self, name: str) -> str | None:
        """Return the id of a user, None where nobody is called so."""
        return self.user(name) if name in self._users or self._is_in_crowd(name) else None

    def id_of(self, name: str) -> str | None:
        """Return the id of a user or a party, None where nobody is called so."""
        return self.identities.party(name) if name in self._parties else self.user_id(name)

    def _is_in_crowd(self, name: str) -> bool:
        found = _CROWD_USER.fullmatch(name)
        if found is None:
            return False
        crowd, number = found[1], int(found[2])
        return 1 <= number <= self._crowds.get(crowd, 0) and crowd_user(crowd, number) == name

    @staticmethod
    def _known(kind: str, names: Mapping[str, object]) -> str:
        if not names:
            return f"; the script declares no {kind}"
        return f"; {kind}: " + ", ".join(sorted(names)[:10]) + (", ..." if len(names) > 10 else "")
