"""Campaigns by HTTP: written, looked at, sent, followed."""

from campaigns.api.sending import router as sending
from campaigns.api.writing import router as writing

__all__ = ["sending", "writing"]
