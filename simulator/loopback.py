"""Connections to this machine itself."""

from __future__ import annotations

from typing import Final

_LOOPBACK: Final = ("127.", "localhost:", "[::1]:")


def past_proxies(target: str) -> list[tuple[str, int]]:
    """The gRPC options of a channel to `host:port`: no proxy can reach an address of this machine,
    whatever `http_proxy` says."""
    return [("grpc.enable_http_proxy", 0)] if target.startswith(_LOOPBACK) else []
