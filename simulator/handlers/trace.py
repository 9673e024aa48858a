"""Trace headers that a call carries, made from the event: B3 and W3C Trace Context.

https://github.com/openzipkin/b3-propagation and https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

_HEX = frozenset("0123456789abcdef")


def trace_headers(event: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The headers of an event's call; none where its `traceId` is no id of a trace.

    The id of the span is derived from the event's id: the same event has the same headers.
    """
    trace = event.get("traceId")
    if not isinstance(trace, str):
        return ()
    trace = trace.replace("-", "").lower()
    if len(trace) not in (16, 32) or not _HEX.issuperset(trace) or not trace.strip("0"):
        return ()
    span = sha256(f"{trace}:{event.get('id')}".encode()).hexdigest()[:16]
    return (
        ("x-b3-traceid", trace),
        ("x-b3-spanid", span),
        ("x-b3-sampled", "1"),
        ("traceparent", f"00-{trace.rjust(32, '0')}-{span}-01"),
    )
