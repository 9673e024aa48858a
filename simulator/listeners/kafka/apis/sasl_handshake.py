"""SaslHandshake, key 17, versions 0 to 1.

Behavior
- Chooses the mechanism of a login, and always lists those that are enabled.
  UNSUPPORTED_SASL_MECHANISM for any other, and then the connection is closed.
- ILLEGAL_SASL_STATE, without a list, where no login is asked for, and after one that is complete
  unless logins expire: then it begins one anew (KIP-368).

Version notes
- 1 says that tokens come in SaslAuthenticate (KIP-152); after 0 they come bare, behind a size.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.authentication import refused_later
from simulator.listeners.kafka.registry import Request, api


@api(17, "sasl_handshake", (0, 1))
def sasl_handshake(request: Request) -> Any:
    """Choose a mechanism."""
    login = request.session.login
    chosen = None
    if login is not None:
        chosen = login.handshake(request.body.mechanism, request.version)
    if login is None or chosen is None:
        return request.schema.response(error_code=ErrorCode.illegal_sasl_state, mechanisms=())
    response = request.schema.response(
        error_code=ErrorCode.none if chosen else ErrorCode.unsupported_sasl_mechanism,
        mechanisms=login.mechanisms,
    )
    return response if chosen else refused_later(response, request.cluster.clock)
