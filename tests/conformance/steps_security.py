"""Quotas, credentials, and requests for security that is not there."""

from __future__ import annotations

from typing import Any

from brokers import Broker
from steps import steps


def quota(
    *entity: tuple[str, str | None],
    ops: tuple[tuple[str, float, bool], ...],
    try_only: bool = False,
) -> dict[str, Any]:
    """`entity` are types and names, `ops` keys, values and whether they are removed."""
    return {
        "entries": [
            {
                "entity": [{"entity_type": kind, "entity_name": name} for kind, name in entity],
                "ops": [{"key": key, "value": value, "remove": gone} for key, value, gone in ops],
            }
        ],
        "validate_only": try_only,
    }


def asked(*parts: tuple[str, int, str | None], strict: bool = False) -> dict[str, Any]:
    """`parts` are types, kinds of match (0 exact, 1 default, 2 any) and names."""
    return {
        "components": [
            {"entity_type": kind, "match_type": how, "match": name} for kind, how, name in parts
        ],
        "strict": strict,
    }


@steps
async def client_quotas(broker: Broker) -> None:
    user, client = broker.name("user"), broker.name("client")
    rate = (("producer_byte_rate", 1000.0, False),)
    for label, body in {
        "user": quota(("user", user), ops=rate),
        "user and client": quota(("user", user), ("client-id", client), ops=rate),
        "for a try": quota(("client-id", client), ops=rate, try_only=True),
        "unknown key": quota(("user", user), ops=(("no_such_rate", 1.0, False),)),
        "negative": quota(("user", user), ops=(("producer_byte_rate", -1.0, False),)),
        "zero": quota(("user", user), ops=(("producer_byte_rate", 0.0, False),)),
        "fraction": quota(("user", user), ops=(("producer_byte_rate", 0.5, False),)),
        "unknown type": quota(("group", user), ops=rate),
        "type twice": quota(("user", user), ("user", client), ops=rate),
        "no entity": quota(ops=rate),
        "no operations": quota(("user", user), ops=()),
        "no name": quota(("user", ""), ops=rate),
        "key twice": quota(("user", user), ops=rate * 2),
        "removed": quota(("user", user), ops=(("producer_byte_rate", 0.0, True),)),
        "removed again": quota(("user", user), ops=(("producer_byte_rate", 0.0, True),)),
    }.items():
        for version in broker.common("alter_client_quotas"):
            await broker.ask("alter_client_quotas", version, label=label, **body)


@steps
async def client_quotas_described(broker: Broker) -> None:
    user, client = broker.name("user"), broker.name("client")
    for entity in ((("user", user),), (("user", user), ("client-id", client))):
        body = quota(*entity, ops=(("consumer_byte_rate", 2000.0, False),))
        await broker.ask("alter_client_quotas", **body)
    while True:  # a real broker hears of it from its controller
        found = await broker.quietly("describe_client_quotas", **asked(("user", 0, user)))
        if len(found.get("entries") or ()) == 2:
            break
    for label, body in {
        "user": asked(("user", 0, user)),
        "user, strict": asked(("user", 0, user), strict=True),
        "both": asked(("user", 0, user), ("client-id", 0, client)),
        "user and any client": asked(("user", 0, user), ("client-id", 2, None)),
        "user and default client": asked(("user", 0, user), ("client-id", 1, None)),
        "unknown": asked(("user", 0, broker.name("nobody"))),
        "unknown type": asked(("group", 0, user)),
        "type twice": asked(("user", 0, user), ("user", 0, client)),
        "match 9": asked(("user", 9, user)),
        "exact without a name": asked(("user", 0, None)),
        "default with a name": asked(("user", 1, user)),
    }.items():
        for version in broker.common("describe_client_quotas"):
            await broker.ask("describe_client_quotas", version, label=label, **body)


def credential(name: str, mechanism: int = 1, iterations: int = 4096) -> dict[str, Any]:
    return {
        "name": name,
        "mechanism": mechanism,
        "iterations": iterations,
        "salt": b"salt",
        "salted_password": b"p" * 32,
    }


@steps
async def scram_credentials(broker: Broker) -> None:
    user = broker.name("user")
    gone = {"name": user, "mechanism": 1}
    for label, body in {
        "made": {"upsertions": [credential(user)]},
        "made anew": {"upsertions": [credential(user, iterations=8192)]},
        "too few iterations": {"upsertions": [credential(user, iterations=4095)]},
        "too many iterations": {"upsertions": [credential(user, iterations=16_385)]},
        "unknown mechanism": {"upsertions": [credential(user, mechanism=9)]},
        "mechanism 0": {"upsertions": [credential(user, mechanism=0)]},
        "no name": {"upsertions": [credential("")]},
        "twice": {"upsertions": [credential(user), credential(user)]},
        "made and deleted": {"upsertions": [credential(user)], "deletions": [gone]},
        "unknown": {"deletions": [{"name": broker.name("nobody"), "mechanism": 1}]},
        "other mechanism": {"deletions": [{"name": user, "mechanism": 2}]},
        "nothing": {},
    }.items():
        await broker.ask("alter_user_scram_credentials", label=label, **body)
    while True:
        asked_for = {"users": [{"name": user}]}
        found = await broker.quietly("describe_user_scram_credentials", **asked_for)
        infos = found["results"][0]["credential_infos"]
        if [each["iterations"] for each in infos] == [8192]:
            break
    for label, names in {
        "user": [user],
        "unknown user": [broker.name("nobody")],
        "user twice": [user, user],
        "no name": [""],
    }.items():
        users = [{"name": name} for name in names]
        await broker.ask("describe_user_scram_credentials", label=label, users=users)
    await broker.ask("alter_user_scram_credentials", label="deleted", deletions=[gone])


@steps
async def acls_without_an_authorizer(broker: Broker) -> None:
    acl = {
        "resource_type": 2,
        "resource_name": broker.name("t"),
        "resource_pattern_type": 3,
        "principal": "User:alice",
        "host": "*",
        "operation": 3,
        "permission_type": 3,
    }
    filters = {
        "resource_type_filter": 2,
        "resource_name_filter": broker.name("t"),
        "pattern_type_filter": 3,
        "principal_filter": None,
        "host_filter": None,
        "operation": 1,
        "permission_type": 1,
    }
    for version in broker.common("create_acls"):
        await broker.ask("create_acls", version, creations=[acl])
        await broker.ask("describe_acls", version, **filters)
        await broker.ask("delete_acls", version, filters=[filters])


@steps
async def sasl_where_there_is_none(broker: Broker) -> None:
    for version in broker.common("sasl_handshake"):
        for mechanism in ("PLAIN", "SCRAM-SHA-256", ""):
            await broker.ask(
                "sasl_handshake", version, label=f"handshake {mechanism!r}", mechanism=mechanism
            )
    for version in broker.common("sasl_authenticate"):
        await broker.ask("sasl_authenticate", version, auth_bytes=b"\0user\0password")
