"""Bounds of the gRPC listener, in one place."""

from __future__ import annotations

MAX_RECEIVE_BYTES = 4 * 1024 * 1024 + 64 * 1024
"""A request: gRPC's own default of 4 MiB, and a little for what surrounds the values."""

MAX_METADATA_BYTES = 16 * 1024
"""The headers of one call (gRPC's default is half of it)."""

MAX_CALLS = 100_000
"""Calls under way on one connection, and calls that have arrived and are not begun yet. Beyond them
gRPC refuses or cancels calls without a text (by default beyond 1,000 that wait, at random), and a
test that publishes from thousands of tasks at once gets there."""

KEEPALIVE_TIME_MS = 60_000
KEEPALIVE_TIMEOUT_MS = 300_000
"""A peer that is silent this long is pinged, and dropped when it does not answer. On one machine a
dead client is noticed at once, by its closed socket; this is for connections that vanish without a
word. The patience is for clients that stand still in a debugger."""

WRITE_BUFFER_BYTES = 1024 * 1024
"""What a stream hands to the socket ahead of it: the next response is made while one is sent."""

RESPONSE_RECORDS = 512
RESPONSE_BYTES = 1024 * 1024
"""A response of Subscribe: as large as it pays, and far below the 4 MiB that clients accept by
default. One record that is larger travels alone."""

PAGE_EVENTS = 100
"""Events of the catalogue that a response describes; the bytes of a response count as well."""

SCAN_RECORDS = 1024
"""Records that one filtered subscriber looks at before others get their turn."""

CACHE_BYTES = 64 * 1024 * 1024
"""Encoded records kept for all subscribers together."""

MAX_TOPICS = 1000
MAX_FILTER_VALUES = 1000
MAX_RECORDS = 100_000
MAX_NAME_LENGTH = 255
MAX_PATH_LENGTH = 1000
"""Entries that a request may list, and the length of its names."""

MAX_WARNINGS = 100
"""Warnings of a response, or of a stream."""

MAX_STATUS_TEXT_BYTES = 1000
MAX_STATUS_DETAILS_BYTES = 2500
"""An error travels in HTTP/2 trailers, of which clients accept 8 KiB: the text goes in twice, up
to three times as long in percent encoding, and the details as base64."""

MAX_PARTY_MEMBERS = 1000
"""Users that a message to a party lists."""
