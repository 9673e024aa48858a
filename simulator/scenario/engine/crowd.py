"""Crowds: many users who arrive, write, and leave, in one branch of the story.

Users who have not arrived yet cost nothing; one who is there costs an account and one entry in a
heap of what each does next.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from simulator.scenario.chat_service import ConnectOutcome
from simulator.scenario.distributions import sampler
from simulator.scenario.engine.cast import crowd_party, crowd_user
from simulator.scenario.engine.chat_actions import Closing, Moment
from simulator.scenario.engine.frame import Frame
from simulator.scenario.engine.partners import Anyone, Groups, Member, Partners, Popular
from simulator.scenario.engine.task import Going
from simulator.scenario.engine.texts import corpus, texts_of_length
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Crowd

DEFAULT_CORPUS = "small_talk"


def crowd(frame: Frame, step: Crowd) -> Going:
    """Let a crowd come and go; the step ends when its last user has left.

    Each user arrives one gap after the one before, the first one gap after the step begins. A user
    who has nobody to write to skips that message. Like everybody, members can be muted, limited
    and disconnected; who is disconnected by others does not come back.
    """
    run = frame.run
    task = run.task
    chat = run.chat
    shift = frame.shift
    stamp = run.stamp
    randomness = frame.branch.fork(f"crowd {step.name}")
    moment = frame.moment()
    moment.ids = run.style.ids_from(randomness)
    next_gap = sampler(step.arrivals, randomness)
    next_stay = sampler(step.stay, randomness)
    next_pause = sampler(step.pause, randomness) if step.pause else None
    next_text = _texts(frame, step, randomness)
    partners = _partners(frame, step, randomness)
    send, choose_target, heapreplace = chat.send, partners.target, heapq.heapreplace
    reason = None if step.reason is None else frame.text(step.reason)
    closing = Closing(reason, step.code, step.forced)
    present = 0
    arrived = 0

    def has_left(member: Member) -> None:
        nonlocal present
        present -= 1
        partners.leave(member)
        if present == 0 and arrived == step.users and run.task is not task:
            run.wake(task)

    # What happens next, by time; number 0 is the next arrival.
    heap: list[tuple[int, int, Member | None]] = []
    if step.users:
        heap.append((run.now_ns + next_gap(), 0, None))
    while heap and (present or arrived < step.users):
        due, number, member = heap[0]
        other = run.next_due_ns
        limit = run.until_ns + 1 if other is None else min(other, run.until_ns + 1)
        limit = max(limit, run.now_ns + 1)
        left = run.left
        while due < limit and left > 0:
            left -= 1
            run.now_ns = due
            moment.now_ns = due
            moment.stamp = stamp(due - shift)
            if member is None:
                arrived += 1
                if arrived < step.users:
                    heapreplace(heap, (due + next_gap(), 0, None))
                else:
                    heapq.heappop(heap)
                newcomer = _arrive(frame, step, arrived, moment, has_left)
                if newcomer is not None:
                    present += 1
                    partners.join(newcomer)
                    newcomer.leave_ns = due + next_stay()
                    next_ns = newcomer.leave_ns
                    if next_pause is not None:
                        next_ns = min(next_ns, due + (next_pause() or 1))
                    heapq.heappush(heap, (next_ns, arrived, newcomer))
            elif member.when_ended is None:
                heapq.heappop(heap)
            elif due >= member.leave_ns or next_pause is None:
                heapq.heappop(heap)
                while member.session_id is not None:
                    chat.disconnect(member, moment, closing)
            else:
                next_ns = due + (next_pause() or 1)
                leave_ns = member.leave_ns
                heapreplace(heap, (next_ns if next_ns < leave_ns else leave_ns, number, member))
                target = choose_target(member)
                if target is not None:
                    send(member, next_text(), target, moment)
            if not heap:
                break
            due, number, member = heap[0]
        run.left = left
        if heap and (present or arrived < step.users):
            yield due


def _arrive(
    frame: Frame,
    step: Crowd,
    number: int,
    moment: Moment,
    has_left: Callable[[Member], None],
) -> Member | None:
    """Connect the next user; None where the service does not let the user in."""
    run = frame.run
    user_id = run.cast.identities.passing_user(crowd_user(step.name, number))
    known = run.service.account(user_id)
    if run.service.decide_connect(known).outcome is not ConnectOutcome.CONNECTED:
        run.chat.connect(known, moment)
        return None
    member = Member(user_id, number, has_left)
    run.service.adopt(member)
    run.chat.connect(member, moment)
    return member


def _partners(frame: Frame, step: Crowd, randomness: Randomness) -> Partners:
    settings = frame.run.script.service
    identities = frame.run.cast.identities
    match step.partners:
        case "random":
            return Anyone(settings, randomness)
        case "popular":
            return Popular(settings, randomness)
        case "pairs":
            return Groups(settings, 2, None)
        case "party":
            return Groups(
                settings,
                max(1, step.party_size),
                lambda number: identities.passing_party(crowd_party(step.name, number)),
            )


def _texts(frame: Frame, step: Crowd, randomness: Randomness) -> Callable[[], str]:
    text = step.text
    if text is not None:
        if isinstance(text, str):
            return lambda: text
        return lambda: frame.text(text)
    if step.length is not None:
        return texts_of_length(*step.length, randomness)
    if step.pause is None:
        return str
    texts = corpus(frame.run.script.corpora, step.corpus or DEFAULT_CORPUS)
    random = randomness.random
    count = len(texts)
    return lambda: texts[int(random() * count)]
