"""DKIM signatures, rsa-sha256 and relaxed/relaxed (RFC 6376): only what a sender needs, fast.

The key is loaded once and only the signed fields are canonicalised; dkimpy, which takes twenty
times as long, is the judge in the tests and never in the path.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_BITS = 2048  # signers SHOULD use 2048 (RFC 8301, 3.2)

# Named once more than they occur, so that nobody can add a second one later (RFC 6376, 8.15).
OVERSIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"list-unsubscribe",  # both must be covered (RFC 8058, 4)
    b"list-unsubscribe-post",
)
# Signed where they occur.
SIGNED = (b"list-id", b"feedback-id", b"x-shirase-ref", b"auto-submitted", b"content-transfer-encoding")

_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"[ \t]+")
_PADDING = padding.PKCS1v15()
_HASH = hashes.SHA256()


class BadKey(ValueError):
    """The private key cannot sign: not PEM, not RSA, or too short."""


class Signer:
    """Signs for one domain and selector; the domain is an A-label."""

    def __init__(self, domain: str, selector: str, private_pem: str) -> None:
        self._key = _load(private_pem)
        self.domain = domain
        self.selector = selector

    def sign(self, message: bytes, t: int, *, canonical: bool = False) -> bytes:
        """The DKIM-Signature field, with its CRLF, to be put before `message`; `t` is the signing second.

        `canonical`: whoever made the body vouches that it is its own relaxed form, as delivery/content makes it.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        fields = [line.partition(b":") for line in _FOLD.sub(b"", head).split(b"\r\n")]
        digest = hashlib.sha256(body if canonical else relaxed_body(body)).digest()
        body_hash = base64.b64encode(digest).decode("ascii")
        named, order = _named(tuple([name for name, _, _ in fields]))
        unsigned = (
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={self.domain};\r\n s={self.selector}; t={t}; bh={body_hash};\r\n"
            f" h={named}; b="
        ).encode("ascii")
        lines = [name + b" ".join(fields[at][2].split()) for name, at in order]
        lines.append(b"dkim-signature:" + b" ".join(unsigned.split()))
        signature = self._key.sign(b"\r\n".join(lines), _PADDING, _HASH)
        return b"DKIM-Signature: " + unsigned + _folded(base64.b64encode(signature)) + b"\r\n"


def new_key() -> tuple[str, str]:
    """A fresh key: the private half as PEM, the public half as the base64 of a DNS record's p=."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")
    return pem, public_half(pem)


def public_half(private_pem: str) -> str:
    """The base64 of the key's DER, as a DNS record's p= has it. Raises BadKey."""
    public = _load(private_pem).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode("ascii")


def dns_record(public: str) -> str:
    """The TXT record's text (RFC 6376, 3.6.1); longer than one DNS string, see `dns_strings`."""
    return f"v=DKIM1; k=rsa; p={public}"


def dns_strings(record: str) -> list[str]:
    """A TXT record is made of strings of at most 255 octets; readers join them without a space."""
    return [record[at : at + 255] for at in range(0, len(record), 255)]


def relaxed_body(body: bytes) -> bytes:
    """The body as the signature hashes it (RFC 6376, 3.4.4)."""
    if b"\t" in body or b"  " in body:
        body = _SPACES.sub(b" ", body)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    return b"" if body == b"\r\n" else body


def _load(private_pem: str) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("not an unencrypted private key in PEM") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadKey("not an RSA key")
    if key.key_size < 1024:
        raise BadKey(f"{key.key_size} bits are too few: receivers ignore keys under 1024")
    return key


@functools.lru_cache(maxsize=256)
def _named(present: tuple[bytes, ...]) -> tuple[str, tuple[tuple[bytes, int], ...]]:
    """The h= list, whose breaks are part of what is signed, and the fields in its order, a repeated one from the bottom
    up (RFC 6376, 5.4.2): the name with its colon as it is signed, and its place among `present`."""
    places: dict[bytes, list[int]] = {}
    for at, name in enumerate(present):
        places.setdefault(name.strip().lower(), []).append(at)
    names = [name for name in OVERSIGNED for _ in range(len(places.get(name, ())) + 1)]
    names += [name for name in SIGNED for _ in places.get(name, ())]
    rows = [b":".join(names[at : at + 5]).decode() for at in range(0, len(names), 5)]
    order = [(name + b":", at) for name in dict.fromkeys(names) for at in reversed(places.get(name, ()))]
    return ":\r\n ".join(rows), tuple(order)


def _folded(signature: bytes) -> bytes:
    return b"".join([b"\r\n " + signature[at : at + 74] for at in range(0, len(signature), 74)])
