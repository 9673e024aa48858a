from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# First calls import and compile; on a busy machine that takes longer than an example may.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
