"""Who may do what: access control lists, and the answers of Kafka's StandardAuthorizer.

An ACL allows or denies one principal, from one host, one operation on the resources of a pattern.
A denial wins over everything that allows, super users may do everything, and what no ACL allows is
refused; where there is no ACL at all for a resource, `allow_without_acls` says.

The numbers are those of the protocol (`AclOperation`, `ResourceType`, ... of Kafka's clients).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple

CLUSTER_NAME: Final = "kafka-cluster"
"""The name of the one resource of the kind CLUSTER."""

ANYBODY: Final = "User:*"
EVERYTHING: Final = "*"
"""As the name of a literal pattern every resource, as a host every host."""

MAX_ACLS: Final = 100_000


class ResourceType(IntEnum):
    """What may be guarded."""

    UNKNOWN = 0
    ANY = 1
    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7


class PatternType(IntEnum):
    """How a pattern's name is meant; ANY and MATCH are of filters only."""

    UNKNOWN = 0
    ANY = 1
    MATCH = 2
    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What somebody may want to do; ANY is of filters only."""

    UNKNOWN = 0
    ANY = 1
    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


class Permission(IntEnum):
    """What an ACL says; ANY is of filters only."""

    UNKNOWN = 0
    ANY = 1
    DENY = 2
    ALLOW = 3


OPERATIONS: Final = {
    ResourceType.TOPIC: (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DESCRIBE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    ResourceType.GROUP: (
        Operation.READ,
        Operation.DESCRIBE,
        Operation.DELETE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    ResourceType.CLUSTER: (
        Operation.CREATE,
        Operation.CLUSTER_ACTION,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
        Operation.IDEMPOTENT_WRITE,
        Operation.ALTER,
        Operation.DESCRIBE,
    ),
    ResourceType.TRANSACTIONAL_ID: (
        Operation.DESCRIBE,
        Operation.WRITE,
        Operation.TWO_PHASE_COMMIT,
    ),
}
"""What can be done with each kind of resource (`AclEntry.supportedOperations`)."""

_ALLOWED_BY: Final = {
    Operation.DESCRIBE: frozenset(
        (
            Operation.DESCRIBE,
            Operation.READ,
            Operation.WRITE,
            Operation.DELETE,
            Operation.ALTER,
            Operation.ALL,
        )
    ),
    Operation.DESCRIBE_CONFIGS: frozenset(
        (Operation.DESCRIBE_CONFIGS, Operation.ALTER_CONFIGS, Operation.ALL)
    ),
}
"""Permissions that imply another. Denials imply nothing."""


class InvalidAcl(ValueError):
    """An ACL that cannot be kept; the text is the real broker's."""


class Acl(NamedTuple):
    """One entry, with the pattern of the resources that it is about."""

    resource: ResourceType
    name: str
    pattern: PatternType
    principal: str
    host: str
    operation: Operation
    permission: Permission


class AclFilter(NamedTuple):
    """Which ACLs are meant; None and ANY leave a field open."""

    resource: ResourceType = ResourceType.ANY
    name: str | None = None
    pattern: PatternType = PatternType.ANY
    principal: str | None = None
    host: str | None = None
    operation: Operation = Operation.ANY
    permission: Permission = Permission.ANY

    def matches(self, acl: Acl) -> bool:
        """Whether an ACL is meant."""
        return (
            self.resource in (ResourceType.ANY, acl.resource)
            and self._matches_pattern(acl)
            and self.principal in (None, acl.principal)
            and self.host in (None, acl.host)
            and self.operation in (Operation.ANY, acl.operation)
            and self.permission in (Permission.ANY, acl.permission)
        )

    def _matches_pattern(self, acl: Acl) -> bool:
        if self.pattern not in (PatternType.ANY, PatternType.MATCH, acl.pattern):
            return False
        if self.name is None:
            return True
        if self.pattern is not PatternType.MATCH:
            return self.name == acl.name
        if acl.pattern is PatternType.PREFIXED:
            return self.name.startswith(acl.name)
        return acl.name in (self.name, EVERYTHING)


def check_acl(acl: Acl) -> None:
    """Raise InvalidAcl for an entry that a controller would not keep."""
    if acl.resource is ResourceType.CLUSTER and acl.name != CLUSTER_NAME:
        raise InvalidAcl(f"The only valid name for the CLUSTER resource is {CLUSTER_NAME}")
    if not acl.name:
        raise InvalidAcl("Invalid empty resource name")
    if acl.resource in (ResourceType.UNKNOWN, ResourceType.ANY):
        raise InvalidAcl(f"Invalid resourceType {acl.resource.name}")
    if acl.pattern not in (PatternType.LITERAL, PatternType.PREFIXED):
        raise InvalidAcl(f"Invalid patternType {acl.pattern.name}")
    if acl.operation in (Operation.UNKNOWN, Operation.ANY):
        raise InvalidAcl(f"Invalid operation {acl.operation.name}")
    if acl.permission not in (Permission.ALLOW, Permission.DENY):
        raise InvalidAcl(f"Invalid permissionType {acl.permission.name}")
    if ":" not in acl.principal:
        raise InvalidAcl(
            f"Could not parse principal from `{acl.principal}` (no colon is present separating "
            "the principal type from the principal name)"
        )
    _check_host(acl.host)


def _check_host(host: str) -> None:
    if not host:
        raise InvalidAcl("Host pattern cannot be null or empty")
    if "/" in host:
        try:
            ipaddress.ip_network(host, strict=False)
        except ValueError as error:
            raise InvalidAcl(f"Invalid CIDR notation '{host}': {error}") from None


class Acls:
    """The entries of a cluster, and what they allow."""

    def __init__(
        self, super_users: Iterable[str] = (), *, allow_without_acls: bool = False
    ) -> None:
        self.super_users = frozenset(super_users)
        self.allow_without_acls = allow_without_acls
        self._entries: dict[Acl, None] = {}
        self._literal: dict[tuple[ResourceType, str], dict[Acl, None]] = {}
        self._prefixed: dict[ResourceType, dict[Acl, None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, acl: Acl) -> None:
        """Keep an entry; one that is there already stays. Raises InvalidAcl."""
        check_acl(acl)
        if acl in self._entries:
            return
        if len(self._entries) >= MAX_ACLS:
            raise InvalidAcl(f"there are {MAX_ACLS} ACLs already")
        self._entries[acl] = None
        if acl.pattern is PatternType.PREFIXED:
            self._prefixed.setdefault(acl.resource, {})[acl] = None
        else:
            self._literal.setdefault((acl.resource, acl.name), {})[acl] = None

    def find(self, wanted: AclFilter) -> list[Acl]:
        """The entries that a filter means, in the order in which they came."""
        return [acl for acl in self._entries if wanted.matches(acl)]

    def delete(self, wanted: AclFilter) -> list[Acl]:
        """Forget the entries that a filter means, and tell them."""
        found = self.find(wanted)
        for acl in found:
            del self._entries[acl]
            if acl.pattern is PatternType.PREFIXED:
                del self._prefixed[acl.resource][acl]
                continue
            place = (acl.resource, acl.name)
            del self._literal[place][acl]
            if not self._literal[place]:
                del self._literal[place]
        return found

    def allow(
        self, principal: str, host: str, operation: Operation, resource: ResourceType, name: str
    ) -> bool:
        """Whether somebody may do something with one resource."""
        if principal in self.super_users:
            return True
        enough = _ALLOWED_BY.get(operation) or (operation, Operation.ALL)
        guarded = allowed = False
        for acl in self._covering(resource, name):
            guarded = True
            if not _concerns(acl, principal, host):
                continue
            if acl.permission is Permission.ALLOW:
                allowed = allowed or acl.operation in enough
            elif acl.operation in (operation, Operation.ALL):
                return False
        return allowed or (not guarded and self.allow_without_acls)

    def allow_some(
        self, principal: str, host: str, operation: Operation, resource: ResourceType
    ) -> bool:
        """Whether somebody may do something with any resource of a kind (KIP-679).

        Whatever allows counts unless a denial covers all of it.
        """
        if self.allow(principal, host, operation, resource, "hardcode"):
            return True
        mine = [
            acl
            for acl in self._entries
            if acl.resource is resource
            and acl.operation in (operation, Operation.ALL)
            and _concerns(acl, principal, host)
        ]
        denied = [acl for acl in mine if acl.permission is Permission.DENY]
        return any(
            acl.permission is Permission.ALLOW and not any(_contains(d, acl) for d in denied)
            for acl in mine
        )

    def _covering(self, resource: ResourceType, name: str) -> Iterator[Acl]:
        yield from self._literal.get((resource, name), ())
        if name != EVERYTHING:
            yield from self._literal.get((resource, EVERYTHING), ())
        for acl in self._prefixed.get(resource, ()):
            if name.startswith(acl.name):
                yield acl


def _concerns(acl: Acl, principal: str, host: str) -> bool:
    return acl.principal in (principal, ANYBODY) and (
        acl.host in (EVERYTHING, host) or ("/" in acl.host and _in_range(host, acl.host))
    )


@lru_cache(1024)
def _in_range(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _contains(wide: Acl, narrow: Acl) -> bool:
    """Whether the pattern of one covers every resource of the other's."""
    if wide.pattern is PatternType.PREFIXED:
        everything = narrow.pattern is PatternType.LITERAL and narrow.name == EVERYTHING
        return not everything and narrow.name.startswith(wide.name)
    return wide.name == EVERYTHING or (
        narrow.pattern is PatternType.LITERAL and narrow.name == wide.name
    )
