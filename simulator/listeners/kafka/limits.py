"""What one client may ask for. Kafka's own settings and defaults, where it has some."""

from __future__ import annotations

from typing import Final

MAX_REQUEST_BYTES: Final = 104_857_600
"""`socket.request.max.bytes`."""

MAX_FETCH_BYTES: Final = 57_671_680
"""`fetch.max.bytes` of a broker."""

MAX_CONNECTIONS: Final = 1000
"""Connections at once. Kafka sets no limit (`max.connections`); file descriptors do."""

IDLE_SECONDS: Final = 600.0
"""`connections.max.idle.ms`, in seconds."""

NODE_ID: Final = 1
"""The first broker; the others follow."""

REPLICATION: Final = 3
"""Replicas of a partition where nobody says otherwise, as far as there are brokers."""

NUM_PARTITIONS: Final = 1
"""`num.partitions`: of topics whose creator names no number."""

FETCH_SESSIONS: Final = 1000
"""`max.incremental.fetch.session.cache.slots`."""
