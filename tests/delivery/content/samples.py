"""A letter of the usual size, its sender and its reader, for several tests and the benchmark."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from delivery.content.compose import Composer, Footing, Recipient
from delivery.content.message import Identity
from delivery.content.source import Frozen, Kind, Source
from delivery.dkim import Signer
from delivery.tokens import Key, Keyring

RING = Keyring((Key("k", bytes(range(32))),))
IDENTITY = Identity(
    "news@example.com", "Shop", list_id="list-7.example.com", list_name="News", feedback_id="1:2:campaign:shirase1"
)
SECOND = 1_795_000_000
WORKSPACE = {"name": "Shop", "legal_name": "Shop Ltd.", "postal_address": "1 Mill Lane\nBath"}


def letter(
    html: str = "", *, subject: str = "Hello", text: str = "", language: str = "en", preheader: str = ""
) -> Source:
    return Source(Kind.HTML, subject, preheader, html, text, language)


def fifteen_kilobytes() -> Source:
    """20 variables, 10 tracked links, an if, a loop of three: the letter of `make bench`."""
    row = (
        '<tr><td class="cell" style="padding:12px 20px;font-family:Arial,sans-serif;font-size:14px;line-height:22px">'
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit</td></tr>\n"
    )
    blocks = [row * 2 + f"<tr><td>Value {{{{ contact.f{at} }}}}</td></tr>\n" for at in range(20)]
    blocks += [
        row * 2 + f'<tr><td><a href="https://www.example.com/{at}">Story {at}</a></td></tr>\n' for at in range(10)
    ]
    html = (
        '<!doctype html><html lang="en"><head><style>.cell{color:#171a21}</style></head><body><table>'
        + "".join(blocks)
        + "{% if contact.vip %}<tr><td>For you</td></tr>{% else %}<tr><td>For all</td></tr>{% endif %}"
        + "{% for tag in contact.tags %}<tr><td>{{ tag }}</td></tr>{% endfor %}</table>"
        + '<p>{{ workspace.legal_name }} {{ workspace.postal_address }} <a href="{{ unsubscribe_url }}">Stop</a></p>'
        + "</body></html>"
    )
    text = "Hello {{ contact.f0 }},\n\n" + "".join(
        f"Story {at} for {{{{ contact.f{at} }}}}: https://www.example.com/{at}\n" for at in range(10)
    )
    return letter(html, subject="{{ contact.f0 }}, our autumn letter", text=text + "\nStop: {{ unsubscribe_url }}\n")


def reader() -> dict[str, Any]:
    return {**{f"f{at}": f"Value {at}" for at in range(20)}, "vip": True, "tags": ["one", "two", "three"]}


def composer(
    frozen: Frozen, *, identity: Identity = IDENTITY, footing: Footing = Footing.CAMPAIGN, signer: Signer | None = None
) -> Composer:
    return Composer(
        frozen,
        identity,
        mailing_id=7,
        base_url="https://track.example.com",
        keyring=RING,
        footing=footing,
        signer=signer,
        campaign={"name": "Autumn"},
        workspace=WORKSPACE,
    )


def recipient(
    values: dict[str, Any] | None = None, *, to: str = "hanako@example.net", name: str = "", number: int = 12345
) -> Recipient:
    return Recipient(number, 99, to, values if values is not None else reader(), name)


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def line_lengths(data: bytes) -> list[int]:
    return [len(line) for line in data.split(b"\r\n")]


def bare_breaks(data: bytes) -> bool:
    rest = data.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest
