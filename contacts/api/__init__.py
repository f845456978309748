"""People by HTTP: lists, contacts, fields, imports, stopped addresses."""

from contacts.api.imports import router as imports
from contacts.api.lists import fields
from contacts.api.lists import router as lists
from contacts.api.people import router as people
from contacts.api.suppressions import router as suppressions

__all__ = ["fields", "imports", "lists", "people", "suppressions"]
