"""Events pushed to event handler apps: one `OnMessage` call each, the way the platform does it."""

from simulator.handlers.delivery import Delivery
from simulator.handlers.handlers import HandlerError, Handlers, NotDelivered, TargetNotFound
from simulator.handlers.hosting import NoHandler
from simulator.handlers.report import DeliveryReport, DeliveryState, EventReport, Outcome
from simulator.handlers.settings import Chaos, DeliverySettings, InvalidDeliverySetting

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
