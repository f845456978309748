"""Who reads us: contacts, their lists, what stops mail to them, and the history of it all."""

from .bulk import Bulk, BulkSlice
from .contact import Contact, ContactChange
from .count import Count
from .field import Field
from .imports import Import, ImportChunk, ImportRow, StagedRow
from .list import ConsentRecord, List, Subscription
from .suppression import Suppression

__all__ = [
    "Bulk",
    "BulkSlice",
    "ConsentRecord",
    "Contact",
    "ContactChange",
    "Count",
    "Field",
    "Import",
    "ImportChunk",
    "ImportRow",
    "List",
    "StagedRow",
    "Subscription",
    "Suppression",
]
