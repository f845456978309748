"""CSV imports: receive a file, decide where its columns go, dry-run it, write it in the background, take it back."""

from contacts.importing import problems
from contacts.importing.mapping import Options
from contacts.importing.problems import FileProblem
from contacts.importing.receiving import receive
from contacts.importing.running import advance, can_undo, confirm, decide, purge, settle_cancelled, stop, undo

__all__ = [
    "FileProblem",
    "Options",
    "advance",
    "can_undo",
    "confirm",
    "decide",
    "problems",
    "purge",
    "receive",
    "settle_cancelled",
    "stop",
    "undo",
]
