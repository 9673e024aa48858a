"""The settings of brokers, topics, groups and metrics subscriptions, by Kafka's own names."""

from simulator.listeners.kafka.configs.broker_config import BrokerConfig
from simulator.listeners.kafka.configs.definitions import InvalidConfig, UnknownConfig

__all__ = ["BrokerConfig", "InvalidConfig", "UnknownConfig"]
