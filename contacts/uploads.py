"""Looks at an upload while it arrives, so that 2 GB without a line end stop after the first megabyte."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from contacts.importing.detect import encoding_by_mark, refuse_other_kinds
from contacts.importing.problems import FileProblem
from contacts.importing.receiving import Watch


class Guard(FileUploadHandler):
    """The first of the handlers: drops the rest of a file that is none, and remembers why.

    The request itself is read to its end, so that the browser gets the page with the reason.
    """

    problem: FileProblem | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._watch: Watch | None = Watch()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        try:
            self._look(raw_data, start)
        except FileProblem as problem:
            self.problem = problem
            raise SkipFile from problem
        return raw_data

    def _look(self, data: bytes, start: int) -> None:
        if start == 0:
            refuse_other_kinds(data, self.file_name or "")
            if (encoding_by_mark(data) or "").startswith("utf-16"):
                self._watch = None  # full of NUL; it is looked at once it has become UTF-8
        if self._watch:
            self._watch.feed(data)

    def file_complete(self, file_size: int) -> None:
        return None
