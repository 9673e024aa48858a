"""Steps about sessions and messages."""

from __future__ import annotations

from simulator.scenario.chat_service import Account
from simulator.scenario.engine.chat_actions import Closing, Target
from simulator.scenario.engine.frame import Frame
from simulator.scenario.engine.task import Going
from simulator.scenario.engine.texts import corpus, text_of_length
from simulator.scenario.errors import NotConnected, UnknownActor
from simulator.scenario.script import Chat, Connect, Disconnect, Mute, RateLimit, Unmute, Who


def connect(frame: Frame, step: Connect) -> Going:
    """Open a session for each; `everyone` is all whom the script declares and who are not there."""
    run = frame.run
    names = _names(frame, step.who)
    if step.who.everyone:
        online = run.service.online
        names += [name for name in run.cast.names if run.cast.user(name) not in online]
    for name in dict.fromkeys(names):
        run.chat.connect(run.service.account(run.cast.user(name)), frame.moment())
        yield from frame.breathe()


def chat(frame: Frame, step: Chat) -> Going:
    """Write a message. Only a member writes to a party."""
    run = frame.run
    name = frame.text(step.sender)
    account = run.service.account(run.cast.user(name))
    if account.session_id is None:
        raise _not_connected(name)
    run.chat.send(account, _text(frame, step), _target(frame, step, name), frame.moment())
    yield from ()


def rate_limit(frame: Frame, step: RateLimit) -> Going:
    """Let `userChatRateLimited` happen to users, connected or not."""
    run = frame.run
    closing = _closing(frame, step)
    for _, account in _accounts(frame, step.who):
        run.chat.rate_limit(account, frame.moment(), closing)
        yield from frame.breathe()


def disconnect(frame: Frame, step: Disconnect) -> Going:
    """End sessions: the newest one of named users, who must be connected; all of `everyone`.

    Of a party, those who are connected leave.
    """
    run = frame.run
    closing = _closing(frame, step)
    for name, account in _accounts(frame, step.who):
        if account.session_id is None:
            raise _not_connected(name)
        run.chat.disconnect(account, frame.moment(), closing)
        while step.who.everyone and account.session_id is not None:
            run.chat.disconnect(account, frame.moment(), closing)
        yield from frame.breathe()


def mute(frame: Frame, step: Mute) -> Going:
    """Let the service drop what users write, for a time."""
    run = frame.run
    for _, account in _accounts(frame, step.who):
        run.service.mute(account, step.duration, run.now_ns)
    yield from ()


def unmute(frame: Frame, step: Unmute) -> Going:
    """Let the service accept again what users write."""
    run = frame.run
    for _, account in _accounts(frame, step.who):
        run.service.unmute(account, run.now_ns)
    yield from ()


def _names(frame: Frame, who: Who) -> list[str]:
    """Names of users that exist, those of parties included."""
    names = []
    for user in who.users:
        name = frame.text(user)
        frame.run.cast.user(name)
        names.append(name)
    for party in who.parties:
        names += frame.run.cast.group(party).members
    return names


def _accounts(frame: Frame, who: Who) -> list[tuple[str, Account]]:
    """Named users as they are; of parties and of everyone, those who are connected."""
    run = frame.run
    accounts: dict[str, tuple[str, Account]] = {}
    for user in who.users:
        name = frame.text(user)
        user_id = run.cast.user(name)
        accounts[user_id] = name, run.service.account(user_id)
    for party in who.parties:
        for member in run.cast.group(party).members:
            user_id = run.cast.user(member)
            account = run.service.online.get(user_id)
            if account is not None:
                accounts.setdefault(user_id, (member, account))
    if who.everyone:
        for user_id, account in run.service.online.items():
            accounts.setdefault(user_id, (user_id, account))
    return list(accounts.values())


def _not_connected(name: str) -> NotConnected:
    return NotConnected(f"{name} is not connected: connect {name} first (`- connect: {name}`)")


def _closing(frame: Frame, step: Disconnect | RateLimit) -> Closing:
    reason = None if step.reason is None else frame.text(step.reason)
    return Closing(reason, step.code, step.forced)


def _text(frame: Frame, step: Chat) -> str:
    if step.text is not None:
        return frame.text(step.text)
    random = frame.branch.random
    if step.length is not None:
        return text_of_length(random.between(*step.length), random)
    return random.choice(corpus(frame.run.script.corpora, step.corpus or ""))


def _target(frame: Frame, step: Chat, sender: str) -> Target:
    cast = frame.run.cast
    settings = frame.run.script.service
    if step.party is not None:
        name = frame.text(step.party)
        party_id, members = cast.group(name)
        if sender not in members:
            raise UnknownActor(
                f"{sender} is not in the party {name} (members: {', '.join(members)})"
            )
        target_id, target_type = party_id, settings.target_type_party
    else:
        name = frame.text(step.to or "")
        members = (sender, name)
        target_id, target_type = cast.user(name), settings.target_type_user
    if settings.target_members == "others":
        members = tuple(member for member in members if member != sender)
    # Who writes to oneself is there once.
    return target_id, target_type, [cast.user(member) for member in dict.fromkeys(members)]
