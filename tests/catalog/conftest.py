from __future__ import annotations

from hypothesis import settings

# First calls import and compile; on a busy machine that takes longer than an example may.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
