"""ApiVersions, key 18, versions 0 to 4.

Behavior
- Tells each API that is served here, with its range; clients choose by that.
- A version that is not known is answered in the form of version 0 with UNSUPPORTED_VERSION and the
  ranges, so that the client tries again with one that is (KIP-35).
- A client name or version of odd characters is INVALID_REQUEST (KIP-511).
- Tells the features of the cluster (KIP-584): clients ask for consumer groups where they see
  `group.version`, and where `transaction.version` is 2 they end each transaction with the next
  epoch, and do not add partitions before they write to them (KIP-890).

Version notes
- 1 adds the throttle time; 3 is flexible and names the client's software (KIP-511), though the
  response header stays at version 0; 4 fixes features whose lowest version is 0 (KIP-584).
"""

from __future__ import annotations

import re
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.features import EPOCH, FEATURES
from simulator.listeners.kafka.registry import Request, api, registered

_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


@api(18, "api_versions", (0, 4))
def api_versions(request: Request) -> Any:
    """Answer with the ranges of all APIs."""
    error = ErrorCode.none
    if request.version < 0:
        error = ErrorCode.unsupported_version
    elif request.version >= 3 and not all(
        _SOFTWARE.fullmatch(text)
        for text in (request.body.client_software_name, request.body.client_software_version)
    ):
        error = ErrorCode.invalid_request
    elif request.version >= 3:
        body = request.body
        request.session.software = (body.client_software_name, body.client_software_version)
    if error is ErrorCode.none and request.session.login is not None:
        request.session.login.told_versions()
    make = request.schema.make
    keys = () if error is ErrorCode.invalid_request else registered().values()
    return request.schema.response(
        error_code=error,
        api_keys=tuple(
            make(
                "ApiVersion",
                api_key=found.key,
                min_version=found.advertised_min,
                max_version=found.max_version,
            )
            for found in keys
        ),
        **(_features(request) if request.version >= 3 and error is ErrorCode.none else {}),
    )


def _features(request: Request) -> dict[str, Any]:
    """Those with a lowest level of 0 can only be told from version 4 on (KIP-584)."""
    make = request.schema.make
    return {
        "supported_features": tuple(
            make(
                "SupportedFeatureKey",
                name=feature.name,
                min_version=feature.lowest,
                max_version=feature.highest,
            )
            for feature in FEATURES
            if feature.lowest > 0 or request.version >= 4
        ),
        "finalized_features_epoch": EPOCH,
        "finalized_features": tuple(
            make(
                "FinalizedFeatureKey",
                name=feature.name,
                max_version_level=feature.level,
                min_version_level=feature.level,
            )
            for feature in FEATURES
        ),
    }
