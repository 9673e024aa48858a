"""What one client may ask for, where no setting of Kafka's says so."""

from __future__ import annotations

from typing import Final

NODE_ID: Final = 1
"""The first broker; the others follow."""
