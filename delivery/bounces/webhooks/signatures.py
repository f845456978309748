"""Whether a call comes from the service that it says it comes from. Values in, values out: pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

_AMAZON = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def is_amazons(url: str) -> bool:
    """An https address of SNS itself, on no port of its own and with nobody's name in it."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and _AMAZON.fullmatch(parts.netloc) is not None
    except ValueError:
        return False


def sns(envelope: dict[str, Any], certificate: bytes) -> bool:
    """`certificate` is the PEM at its SigningCertURL, which `is_amazons` has approved."""
    names = _NOTIFICATION if envelope.get("Type") == "Notification" else _CONFIRMATION
    given = [(name, envelope[name]) for name in names if isinstance(envelope.get(name), str)]
    text = "".join(f"{name}\n{value}\n" for name, value in given).encode("utf-8", "replace")
    algorithm = hashes.SHA256() if envelope.get("SignatureVersion") == "2" else hashes.SHA1()
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(base64.b64decode(str(envelope.get("Signature")), validate=True), text, padding.PKCS1v15(), algorithm)
    except (ValueError, InvalidSignature, binascii.Error):
        return False
    return True


def sendgrid(key: str, signature: str, timestamp: str, body: bytes) -> bool:
    """`key` is the verification key that SendGrid shows: a public key in base64."""
    try:
        public = serialization.load_der_public_key(base64.b64decode(key, validate=True))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            return False
        public.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature, binascii.Error):
        return False
    return True


def mailgun(key: str, timestamp: str, token: str, signature: str) -> bool:
    right = hmac.new(key.encode(), f"{timestamp}{token}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    return hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace"))


def basic(password: str, header: str) -> bool:
    """Postmark signs nothing: a password in its address comes as Basic authentication, with any name."""
    scheme, _space, coded = header.partition(" ")
    try:
        given = base64.b64decode(coded.strip(), validate=True).partition(b":")[2]
    except (ValueError, binascii.Error):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, password.encode())
