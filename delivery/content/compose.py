"""One call from a recipient to the bytes on the wire: tokens, rendering, MIME, signature."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from delivery.dkim import Signer
from delivery.tokens import Keyring, WebPurpose

from .message import Addressed, Identity, Skeleton
from .render import Values, WireRenderer
from .source import Frozen, Slots

_BASE = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~/-]*)?")


class Footing(enum.Enum):
    """Whether a mailing's mail is followed and can be unsubscribed from."""

    CAMPAIGN = enum.auto()  # tracked links and pixel, List-Unsubscribe
    TEST = enum.auto()  # untracked and inert: a colleague's click must not unsubscribe a reader
    NOTICE = enum.auto()  # transactional, opt-in and notices: untracked, marked as automatic


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who one message is for. `values` are the contact's, plain; `contact_id` is 0 for a typed address."""

    message_id: int
    contact_id: int
    address: str  # as the header shows it: kept as typed, the domain an A-label
    values: Values
    name: str = ""


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished message and the local part of its envelope sender."""

    data: bytes
    return_path_local: str


class Composer:
    """Writes the messages of one mailing. Made once a mailing and process; takes 50–80 µs a message, unsigned.

    Raises BadHeader or TemplateProblem when made, RenderLimit or BadHeader from `compose`: the message is held.
    """

    def __init__(
        self,
        frozen: Frozen,
        identity: Identity,
        *,
        mailing_id: int,
        base_url: str,
        keyring: Keyring,
        footing: Footing = Footing.CAMPAIGN,
        signer: Signer | None = None,
        campaign: Values | None = None,
        workspace: Values | None = None,
    ) -> None:
        if not _BASE.fullmatch(base_url):
            raise ValueError(f"{base_url!r} is no tracking address")
        self._base = base_url.rstrip("/")
        self._mailing_id = mailing_id
        self._keyring = keyring
        self._footing = footing
        self._signer = signer
        tracked = footing is Footing.CAMPAIGN
        self.renderer = WireRenderer(frozen, campaign=campaign, workspace=workspace, tracked=tracked)
        self._skeleton = Skeleton(identity, self.renderer.encodings, frozen.hash)

    def compose(self, recipient: Recipient, *, second: int) -> Composed:
        """The message, signed where there is a signer. `second` is values_at: Date and the signature's t=."""
        slots = self.slots(recipient)
        reference = self._keyring.return_path_local(recipient.message_id)
        addressed = Addressed(
            id=recipient.message_id,
            to=recipient.address,
            to_name=recipient.name,
            second=second,
            reference=reference,
            unsubscribe=slots.unsubscribe if self._footing is Footing.CAMPAIGN else "",
        )
        data = self._skeleton.build(addressed, self.renderer.encode(recipient.values, slots))
        if self._signer is not None:
            data = self._signer.sign(data, second, canonical=True) + data
        return Composed(data, reference)

    def slots(self, recipient: Recipient) -> Slots:
        """The addresses of this message; of a test or a notice they lead nowhere personal."""
        if self._footing is not Footing.CAMPAIGN:
            return inert(self._base)
        ring, mailing, message = self._keyring, self._mailing_id, recipient.message_id
        who = ring.unsubscribe_token(recipient.contact_id, mailing)
        reads = self.renderer.reads
        return Slots(
            click=f"{self._base}/c/{ring.web_token(WebPurpose.CLICK, mailing, message)}/" if "_click" in reads else "",
            open=f"{self._base}/o/{ring.web_token(WebPurpose.OPEN, mailing, message)}" if "_open" in reads else "",
            unsubscribe=f"{self._base}/u/{who}",
            preferences=f"{self._base}/p/{who}",
            view=f"{self._base}/v/{ring.web_token(WebPurpose.VIEW, mailing, message)}" if "view_url" in reads else "",
        )


def inert(base_url: str) -> Slots:
    """Addresses of a page that only says what would stand there."""
    return Slots(unsubscribe=f"{base_url}/u/test", preferences=f"{base_url}/p/test", view=f"{base_url}/v/test")
