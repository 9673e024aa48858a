"""The project's own gRPC services, with health and reflection."""

from simulator.listeners.grpc.control import Control
from simulator.listeners.grpc.errors import AddressUnavailable, ListenerError
from simulator.listeners.grpc.listener import GrpcListener

__all__ = ["AddressUnavailable", "Control", "GrpcListener", "ListenerError"]
