"""Events pushed to event handler apps: one `OnMessage` call each, the way the platform does it."""

from simulator.delivery_settings import (
    Chaos,
    DeliverySettings,
    HandlerError,
    InvalidDeliverySetting,
)
from simulator.handlers.delivery import Delivery
from simulator.handlers.handlers import Handlers, NotDelivered, TargetNotFound
from simulator.handlers.hosting import NoHandler
from simulator.handlers.report import DeliveryReport, DeliveryState, EventReport, Outcome

__all__ = [
    "Chaos",
    "Delivery",
    "DeliveryReport",
    "DeliverySettings",
    "DeliveryState",
    "EventReport",
    "HandlerError",
    "Handlers",
    "InvalidDeliverySetting",
    "NoHandler",
    "NotDelivered",
    "Outcome",
    "TargetNotFound",
]
