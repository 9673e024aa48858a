"""How a simulator is set up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from typing import Final, Literal

from simulator.catalog import Catalog
from simulator.errors import InvalidSetting
from simulator.instants import instant_ns
from simulator.log.log_writer import DEFAULT_MAX_BYTES
from simulator.security import KafkaSecurity

__all__ = ["DEFAULT_START", "MAX_BROKERS", "InvalidSetting", "Settings"]

DEFAULT_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where virtual time begins unless a start is given: a fixed instant, so that runs repeat."""


MAX_BROKERS: Final = 100

_TOPIC_PART: Final = re.compile(r"[a-zA-Z0-9._-]{0,100}")


@dataclass(frozen=True, slots=True)
class KafkaBroker:
    """A Kafka broker by id; port 0 takes a free one. Racks keep replicas apart (KIP-36)."""

    node_id: int
    port: int = 0
    rack: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulator is set up; raises `InvalidSetting` or `NotAnInstant`.

    `seed`: of everything random. `start`: where its clock begins, an aware datetime or RFC 3339
    text; by default `DEFAULT_START` for a virtual clock and the present for a running one. `speed`:
    None for virtual time, which moves only as stories play or `clock.advance` is called; otherwise
    seconds of the simulator's time per real second. `validate`: whether events must conform to the
    catalogue. `host`, `grpc_port`: where gRPC listens, port 0 for a free one, None for no listener.
    `kafka_port`: the same for Kafka's clients. `brokers`: how many Kafka brokers there are, at that
    port and those that follow it, or each of them as a `KafkaBroker`. `config`: settings of the
    brokers by Kafka's own names, such as `{"num.partitions": 4}`. `security`: logins, TLS and
    ACLs of Kafka's clients, by default none. `kafka_validation`: whether records that Kafka's
    clients produce and that are no events of their topic are refused, marked as unchecked, or not
    looked at. `handlers`: event handler apps, `host:port`, to which events are delivered.
    `max_bytes`: the bound on what the log holds.
    `specs`: AsyncAPI documents, or directories of them, whose events exist beside the Chat Events.
    `log`: an existing Kafka cluster, `kafka://host:port,...`, whose topics are served instead of
    topics of the simulator's own: those of the catalogue, and `log_topics`.
    `catalog`: which events exist, instead of `specs`; by default the Chat Events.
    `topic_prefix`, `topic_separator`: what stands before the catalogue's topics on every door, as
    in `dev.chat`, and before the groups of event handler apps. `record_key`: the path of the text
    that records are keyed by unless the caller gives a key, None for no key. `extra_fields`: the
    simulator's own events have `timestampUnixNano` and `unionNamespace`, as some publishers do.
    """

    seed: int = 0
    start: datetime | str | None = None
    speed: float | None = None
    validate: bool = True
    host: str = "127.0.0.1"
    grpc_port: int | None = 0
    kafka_port: int | None = 0
    brokers: int | Sequence[KafkaBroker] = 1
    config: Mapping[str, object] = field(default_factory=dict)
    security: KafkaSecurity | None = None
    kafka_validation: Literal["reject", "mark", "off"] = "reject"
    handlers: Sequence[str] = ()
    max_bytes: int = DEFAULT_MAX_BYTES
    log: str | None = None
    log_topics: Sequence[str] = ()
    specs: Sequence[str | PathLike[str]] = ()
    catalog: Catalog | None = None
    topic_prefix: str = ""
    topic_separator: str = "."
    record_key: str | None = "id"
    extra_fields: bool = False

    def __post_init__(self) -> None:
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise InvalidSetting("speed", self.speed, "use more than 0, or None for virtual time")
        if not _is_port(self.grpc_port):
            rule = "use 1 to 65535, 0 for a free port, or None for no gRPC"
            raise InvalidSetting("grpc_port", self.grpc_port, rule)
        if not _is_port(self.kafka_port):
            rule = "use 1 to 65535, 0 for a free port, or None for no Kafka"
            raise InvalidSetting("kafka_port", self.kafka_port, rule)
        self._check_brokers()
        if self.kafka_validation not in ("reject", "mark", "off"):
            rule = "use reject, mark or off"
            raise InvalidSetting("kafka_validation", self.kafka_validation, rule)
        if not isinstance(self.max_bytes, int) or self.max_bytes < 1:
            raise InvalidSetting("max_bytes", self.max_bytes, "use a number of bytes, at least 1")
        if self.specs and self.catalog is not None:
            rule = "give specs or a catalog, not both"
            raise InvalidSetting("specs", list(self.specs), rule)
        for name, value in (
            ("topic_prefix", self.topic_prefix),
            ("topic_separator", self.topic_separator),
        ):
            if not _TOPIC_PART.fullmatch(value):
                rule = "use letters, digits, '.', '_' and '-', up to 100"
                raise InvalidSetting(name, value, rule)
        if self.log_topics and self.log is None:
            raise InvalidSetting("log_topics", self.log_topics, "they are for a log=kafka://...")
        if self.log is not None:
            self._check_log(self.log)
        if self.record_key is not None and not all(self.record_key.split(".")):
            rule = "use a path such as id or payload.item.owner, or None for no key"
            raise InvalidSetting("record_key", self.record_key, rule)
        if self.start is not None:
            instant_ns(self.start)
        config: object = self.config  # a caller may know no types
        if not isinstance(config, Mapping):
            rule = 'give names with their values, such as {"num.partitions": 4}'
            raise InvalidSetting("config", self.config, rule)
        if self.config:
            _check_config(self.config)
        if self.security is not None and not isinstance(self.security, KafkaSecurity):
            raise InvalidSetting("security", self.security, "give a KafkaSecurity(...)")

    @property
    def kafka_brokers(self) -> Sequence[KafkaBroker]:
        """Each broker, with its port."""
        if not isinstance(self.brokers, int):
            return self.brokers
        port = self.kafka_port or 0
        return [KafkaBroker(1 + n, port + n if port else 0) for n in range(self.brokers)]

    def _check_log(self, log: str) -> None:
        from simulator.clusters.addresses import ClusterAddress

        ClusterAddress.parse(log)
        own = (self.kafka_port or 0, self.brokers, self.security, len(self.config))
        if own != (0, 1, None, 0):
            rule = "Kafka's clients go to that cluster: leave settings of Kafka brokers out"
            raise InvalidSetting("log", log, rule)

    @property
    def own_kafka_port(self) -> int | None:
        """The port of the simulator's own brokers; None where a cluster is there already."""
        return None if self.log is not None else self.kafka_port

    def _check_brokers(self) -> None:
        if isinstance(self.brokers, bool | str) or not (
            isinstance(self.brokers, int) or all(isinstance(b, KafkaBroker) for b in self.brokers)
        ):
            rule = f"use 1 to {MAX_BROKERS}, or a list of KafkaBroker"
            raise InvalidSetting("brokers", self.brokers, rule)
        number = self.brokers if isinstance(self.brokers, int) else len(self.brokers)
        if not 1 <= number <= MAX_BROKERS:
            raise InvalidSetting("brokers", self.brokers, f"use 1 to {MAX_BROKERS}")
        ids = [broker.node_id for broker in self.kafka_brokers]
        if len(set(ids)) < len(ids) or not all(0 <= node_id < 1 << 31 for node_id in ids):
            raise InvalidSetting("brokers", self.brokers, "each needs an id of its own, from 0 on")
        ports = [broker.port for broker in self.kafka_brokers if broker.port]
        if len(set(ports)) < len(ports) or not all(0 < port <= 65_535 for port in ports):
            rule = "each needs a port of its own, 1 to 65535, or 0 for a free one"
            raise InvalidSetting("brokers", self.brokers, rule)


def _is_port(value: object) -> bool:
    """Whether a listener can be asked for with it."""
    return value is None or (isinstance(value, int) and 0 <= value <= 65_535)


def _check_config(config: Mapping[str, object]) -> None:
    """Refuse settings of the brokers that there are not, or with values that cannot be."""
    from simulator.listeners.kafka.configs import BrokerConfig, InvalidConfig, UnknownConfig

    for name, value in config.items():
        if not isinstance(name, str):
            raise InvalidSetting("config", config, "its names are texts")
        try:
            BrokerConfig({name: value})
        except InvalidConfig as error:
            hint = error.suggestion if isinstance(error, UnknownConfig) else ""
            raise InvalidSetting(name, value, f"{error}{hint}") from None
