"""Metadata, ApiVersions, FindCoordinator and other descriptions of the cluster."""

from __future__ import annotations

from typing import Any

from brokers import Broker
from messages import api_keys
from steps import steps

BAD_NAMES = ("", ".", "..", "a/b", "a b", "é", "x" * 250, "a:b", "a\x00b")


def features(answer: dict[str, Any]) -> dict[str, Any]:
    """Each API and each feature by name."""
    names = {key: name for name, key in api_keys().items()}
    told = {names.get(k["api_key"], k["api_key"]): k for k in answer["api_keys"]}
    shown: dict[str, Any] = {
        name: f"{api['min_version']} to {api['max_version']}" for name, api in told.items()
    }
    shown["error_code"] = answer["error_code"]
    for kind in ("supported_features", "finalized_features"):
        for feature in answer.get(kind, ()):
            shown[f"{kind} {feature['name']}"] = {k: v for k, v in feature.items() if k != "name"}
    return shown


@steps
async def api_versions(broker: Broker) -> None:
    client = {"client_software_name": "test", "client_software_version": "1"}
    for version in broker.common("api_versions"):
        await broker.ask("api_versions", version, only=features, **client)


@steps
async def api_versions_names_of_clients(broker: Broker) -> None:
    for name, number in (("", "1"), ("test", ""), ("-a", "1"), ("a b", "1"), ("é", "1")):
        await broker.ask(
            "api_versions",
            only=lambda answer: answer["error_code"],
            label=f"client {name!r} {number!r}",
            client_software_name=name,
            client_software_version=number,
        )


def asked(*names: str) -> dict[str, Any]:
    return {"topics": [{"name": name, "topic_id": None} for name in names]}


@steps
async def metadata_of_a_topic(broker: Broker) -> None:
    topic = await broker.topic("t", 2)
    for version in broker.common("metadata"):
        await broker.ask("metadata", version, **asked(topic), allow_auto_topic_creation=False)
        await broker.ask(
            "metadata",
            version,
            label="with operations",
            **asked(topic),
            include_cluster_authorized_operations=True,
            include_topic_authorized_operations=True,
        )


@steps
async def metadata_of_a_missing_topic(broker: Broker) -> None:
    for version in broker.common("metadata"):
        if version >= 4:
            missing = asked(broker.name("missing"))
            await broker.ask("metadata", version, **missing, allow_auto_topic_creation=False)


@steps
async def metadata_of_bad_names(broker: Broker) -> None:
    for version in broker.common("metadata"):
        for name in BAD_NAMES:
            await broker.ask(
                "metadata",
                version,
                label=f"metadata of {name[:9]!r}",
                **asked(name),
                allow_auto_topic_creation=False,
            )
        if version >= 4:
            await broker.ask(
                "metadata",
                version,
                label="bad name, may be created",
                **asked("a/b"),
                allow_auto_topic_creation=True,
            )


@steps
async def metadata_creates_topics(broker: Broker) -> None:
    for version in broker.common("metadata"):
        name = broker.name(f"made-{version}")
        await broker.ask("metadata", version, **asked(name), allow_auto_topic_creation=True)


@steps
async def metadata_by_id(broker: Broker) -> None:
    topic = await broker.topic("t")
    strange = "5ca1ab1e-0000-4000-8000-000000000001"
    for version in broker.common("metadata"):
        if version < 10:
            continue
        for label, topic_id in (("known", broker.ids[topic]), ("unknown", strange), ("no", None)):
            await broker.ask(
                "metadata",
                version,
                label=f"{label} id",
                topics=[{"name": None, "topic_id": topic_id}],
                allow_auto_topic_creation=False,
            )
        await broker.ask(
            "metadata",
            version,
            label="name and id",
            topics=[{"name": topic, "topic_id": broker.ids[topic]}],
            allow_auto_topic_creation=False,
        )


@steps
async def metadata_of_all_topics(broker: Broker) -> None:
    topic = await broker.topic("t")

    def mine(answer: dict[str, Any]) -> Any:
        found = [each for each in answer["topics"] if each["name"] == topic]
        return answer | {"topics": found}

    for version in broker.common("metadata"):
        await broker.ask("metadata", version, only=mine, topics=[] if version == 0 else None)
        if version > 0:
            await broker.ask("metadata", version, label="no topics", topics=[])


@steps
async def metadata_of_a_topic_named_twice(broker: Broker) -> None:
    topic = await broker.topic("t")
    await broker.ask("metadata", **asked(topic, topic))
    await broker.ask("metadata", **asked(topic, broker.name("no")), allow_auto_topic_creation=False)


@steps
async def find_coordinator(broker: Broker) -> None:
    for version in broker.common("find_coordinator"):
        for kind in (0, 1, 2, 3, 9, -1):
            for key in ("group", "", "a:b:c"):
                await broker.ask(
                    "find_coordinator",
                    version,
                    label=f"find_coordinator {kind} {key!r}",
                    key=key,
                    key_type=kind,
                    coordinator_keys=[key],
                )
    await broker.ask("find_coordinator", label="two keys", key_type=0, coordinator_keys=["a", "b"])
    await broker.ask("find_coordinator", label="no keys", key_type=0, coordinator_keys=[])
    await broker.ask("find_coordinator", label="twice", key_type=0, coordinator_keys=["a", "a"])
