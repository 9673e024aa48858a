"""SaslAuthenticate, key 36, versions 0 to 2.

Behavior
- Carries one token of the mechanism that SaslHandshake has chosen, and the server's answer to it.
- SASL_AUTHENTICATION_FAILED with a text for the user, and then the connection is closed. The text
  does not say whether there is such a user. Both come after a pause of 100 ms (KIP-306).
- ILLEGAL_SASL_STATE after a login that is complete, and where none is asked for.

Version notes
- 1 tells for how long the login holds, in ms, 0 for ever (KIP-368); 2 is flexible.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.authentication import LoginFailed, refused_later
from simulator.listeners.kafka.registry import Request, api


@api(36, "sasl_authenticate", (0, 2))
def sasl_authenticate(request: Request) -> Any:
    """Take a token."""
    session = request.session
    login, accepted = session.login, None
    if login is not None:
        try:
            token = bytes(request.body.auth_bytes)
            accepted = login.step(token, request.cluster.clock.now_ms())
        except LoginFailed as error:
            refusal = _refused(request, ErrorCode.sasl_authentication_failed, str(error))
            return refused_later(refusal, request.cluster.clock)
    if login is None or accepted is None:
        return _refused(
            request,
            ErrorCode.illegal_sasl_state,
            "SaslAuthenticate request received after successful authentication",
        )
    if login.complete:
        session.principal = login.principal
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message="",
        auth_bytes=accepted.token,
        session_lifetime=timedelta(milliseconds=accepted.lifetime_ms),
    )


def _refused(request: Request, code: ErrorCode, text: str) -> Any:
    return request.schema.response(error_code=code, error_message=text, auth_bytes=b"")
