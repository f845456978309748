"""Keeps what the sandbox receiver took: in batches, each committed before its 250s are said."""

from __future__ import annotations

import asyncio
import email.errors
import email.header
import email.parser
import logging
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from delivery.keyring import keyring
from delivery.models import Message, SandboxMail
from delivery.smtp.replies import clean

BATCH = 200
LONGEST_HEADER = 4000
TRIM_AFTER = 250  # mails of one workspace between two looks at what is too many

_REFERENCE = re.compile(rb"^X-Shirase-Ref:[ \t]*([a-z0-9-]{1,64})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail as it came."""

    mail_from: str
    rcpt: str
    raw: bytes


class Store:
    """One writer thread with its own database connection; everybody who waits shares its next commit."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-store")
        self._waiting: list[tuple[Taken, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    def keep(self, taken: Taken) -> asyncio.Future[bool]:
        """True when it is committed, False when the database could not take it."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((taken, done))
        if self._writer is None:
            self._writer = asyncio.ensure_future(self._write())
        return done

    async def close(self) -> None:
        """Commit what waits."""
        while self._writer is not None:
            await asyncio.wait([self._writer])
        await asyncio.get_running_loop().run_in_executor(self._thread, _close)
        self._thread.shutdown()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            kept = await loop.run_in_executor(self._thread, _insert_safely, [taken for taken, _ in batch])
            for _, done in batch:
                if not done.done():
                    done.set_result(kept)
        self._writer = None


def _close() -> None:
    connection.close()  # `connection` is this thread's own: it must be looked up here


def _insert_safely(batch: Sequence[Taken]) -> bool:
    try:
        insert(batch)
    except Error as error:
        log.warning("The sandbox could not store %d mails: %s", len(batch), error)
        connection.close()  # the next batch opens a new one
        return False
    return True


def insert(batch: Sequence[Taken]) -> None:
    """One transaction for all, then what is too many goes."""
    ids = [_message_id(taken.raw) for taken in batch]
    found = Message.objects.filter(pk__in=[pk for pk in ids if pk]).values_list("pk", "mailing__workspace_id")
    workspaces = dict(found)
    rows = [_row(taken, pk, workspaces.get(pk or 0)) for taken, pk in zip(batch, ids, strict=True)]
    SandboxMail.objects.bulk_create(rows)
    for workspace, number in Counter(row.workspace_id for row in rows).items():
        _added[workspace] += number
        if _added[workspace] >= TRIM_AFTER:
            trim(workspace)
            _added[workspace] = 0


_added: Counter[int | None] = Counter()  # mails of each workspace since its last trim, in this process


def trim(workspace: int | None) -> None:
    """Keep the newest of one workspace (None: of mail that is not ours)."""
    mails = SandboxMail.objects.filter(workspace=workspace)
    oldest = mails.order_by("-pk").values_list("pk", flat=True)[settings.SANDBOX_KEPT - 1 : settings.SANDBOX_KEPT]
    for pk in oldest:
        mails.filter(pk__lt=pk).delete()


def _message_id(raw: bytes) -> int | None:
    """The message that the signed reference in the header names; None for mail that is not ours."""
    found = _REFERENCE.search(raw, 0, _header_end(raw))
    return keyring().parse_return_path(found[1].decode("ascii")) if found else None


def _row(taken: Taken, message: int | None, workspace: int | None) -> SandboxMail:
    header = email.parser.BytesHeaderParser().parsebytes(taken.raw[: _header_end(taken.raw)])
    mail = SandboxMail(
        workspace_id=workspace,
        message_id=message if workspace else None,
        mail_from=clean(taken.mail_from)[:320],
        rcpt=clean(taken.rcpt)[:320],
        from_header=readable(header.get("From", ""))[:500],
        subject=readable(header.get("Subject", "")),
        size=len(taken.raw),
        received_at=timezone.now(),
    )
    mail.raw = taken.raw
    return mail


def _header_end(raw: bytes) -> int:
    end = raw.find(b"\r\n\r\n")
    return len(raw) if end < 0 else end


def readable(value: object) -> str:
    """A header for people, at most LONGEST_HEADER characters of it. What cannot be decoded is shown as it came."""
    text = str(value)[:LONGEST_HEADER]
    try:
        return clean(str(email.header.make_header(email.header.decode_header(text))).replace("\n", " "))
    except (ValueError, LookupError, email.errors.MessageError):
        return clean(text.replace("\n", " "))
