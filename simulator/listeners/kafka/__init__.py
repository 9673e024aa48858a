"""The Kafka door: the broker's wire protocol over the topic log."""

from simulator.listeners.kafka.errors import AddressUnavailable
from simulator.listeners.kafka.listener import KafkaListener

__all__ = ["AddressUnavailable", "KafkaListener"]
