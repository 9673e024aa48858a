"""A local Kafka simulator and mock broker for chat events."""
