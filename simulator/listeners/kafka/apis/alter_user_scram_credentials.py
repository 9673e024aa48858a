"""AlterUserScramCredentials, key 51, version 0.

Behavior
- Sets and deletes credentials; the client has salted the password. A user with any error is left
  as it was, and has one result. Needs ALTER on the cluster.
- UNSUPPORTED_SASL_MECHANISM; UNACCEPTABLE_CREDENTIAL for an empty name, and for fewer than 4096 or
  more than 16384 iterations; RESOURCE_NOT_FOUND for what cannot be deleted; DUPLICATE_RESOURCE for
  a credential that is altered twice; CLUSTER_AUTHORIZATION_FAILED. (`ScramControlManager`.)
- The passwords that the simulator was set up with stay as they are for PLAIN.

Version notes
- 0 is of KIP-554, and flexible.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.users import MAX_USERS, SCRAM_NUMBERS
from simulator.log.acls import Operation, ResourceType
from simulator.log.scram import MAX_ITERATIONS, MIN_ITERATIONS, Mechanism, credential

_MECHANISMS = {number: mechanism for mechanism, number in SCRAM_NUMBERS.items()}

Problem = tuple[ErrorCode, str | None]


@api(51, "alter_user_scram_credentials", (0, 0))
def alter_user_scram_credentials(request: Request) -> Any:
    """Set and delete credentials."""
    body = request.body
    names = dict.fromkeys(change.name for change in (*body.deletions, *body.upsertions))
    if request.allowed(Operation.ALTER, ResourceType.CLUSTER):
        problems = _problems(request)
    else:
        problems = dict.fromkeys(names, (ErrorCode.cluster_authorization_failed, CLUSTER_REFUSED))
    users = request.cluster.guard.users
    for change in body.deletions:
        if change.name not in problems:
            users.delete(change.name, _MECHANISMS[change.mechanism])
    for change in body.upsertions:
        if change.name not in problems:
            mechanism = _MECHANISMS[change.mechanism]
            made = credential(
                mechanism, bytes(change.salted_password), bytes(change.salt), change.iterations
            )
            users.put(change.name, mechanism, made)
    return request.schema.response(
        results=tuple(
            request.schema.make(
                "AlterUserScramCredentialsResult",
                user=name,
                error_code=problems.get(name, (ErrorCode.none, None))[0],
                error_message=problems.get(name, (ErrorCode.none, None))[1],
            )
            for name in names
        )
    )


def _problems(request: Request) -> dict[str, Problem]:
    """The first thing that is wrong with each user's changes."""
    body = request.body
    found: dict[str, Problem] = {}
    for change in body.deletions:
        problem = _deletion_problem(request, change.name, _MECHANISMS.get(change.mechanism))
        if problem is not None:
            found.setdefault(change.name, problem)
    for change in body.upsertions:
        problem = _upsertion_problem(request, change)
        if problem is not None:
            found.setdefault(change.name, problem)
    times = Counter((each.name, each.mechanism) for each in (*body.deletions, *body.upsertions))
    for (name, _), count in times.items():
        if count > 1:
            text = "A user credential cannot be altered twice in the same request"
            found.setdefault(name, (ErrorCode.duplicate_resource, text))
    return found


def _deletion_problem(request: Request, name: str, mechanism: Mechanism | None) -> Problem | None:
    if mechanism is None:
        return ErrorCode.unsupported_sasl_mechanism, "Unknown SCRAM mechanism"
    if not name:
        return ErrorCode.unacceptable_credential, "Username must not be empty"
    if mechanism not in request.cluster.guard.users.iterations(name):
        text = "Attempt to delete a user credential that does not exist"
        return ErrorCode.resource_not_found, text
    return None


def _upsertion_problem(request: Request, change: Any) -> Problem | None:
    if not change.name:
        return ErrorCode.unacceptable_credential, "Username must not be empty"
    if change.mechanism not in _MECHANISMS:
        return ErrorCode.unsupported_sasl_mechanism, "Unknown SCRAM mechanism"
    if change.iterations < MIN_ITERATIONS:
        return ErrorCode.unacceptable_credential, "Too few iterations"
    if change.iterations > MAX_ITERATIONS:
        return ErrorCode.unacceptable_credential, "Too many iterations"
    if len(request.cluster.guard.users.names()) >= MAX_USERS:
        return ErrorCode.policy_violation, f"there are {MAX_USERS} users already"
    return None
