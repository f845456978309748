"""Delivery by HTTP: who we send as, how mail leaves, what happened to one message."""

from delivery.api.brakes import router as brakes
from delivery.api.domains import from_addresses
from delivery.api.domains import router as domains
from delivery.api.messages import router as messages
from delivery.api.routes import router as routes

__all__ = ["brakes", "domains", "from_addresses", "messages", "routes"]
