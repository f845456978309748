"""Mail that means harm: each of these makes so and so many octets of it."""

from __future__ import annotations

from collections.abc import Callable


def report(body: bytes, said: bytes = b"550 5.1.1 nobody") -> bytes:
    return (
        b"Return-Path: <>\nFrom: mailer-daemon@mx.example\nSubject: failure notice\n"
        b'Content-Type: multipart/report; boundary="=r"\n\n--=r\n\n' + body + b"\n--=r\n"
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        b"Final-Recipient: rfc822; gone@inbox.example\nAction: failed\nStatus: 5.1.1\n"
        b"Diagnostic-Code: smtp; " + said + b"\n--=r--\n"
    )


def free_text(body: bytes) -> bytes:
    return b"Return-Path: <>\nFrom: mailer-daemon@mx.example\nSubject: undeliverable\n\n" + body


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "at signs": lambda n: free_text(b"could not deliver\n" + b"@" * n),
    "a@a@a@": lambda n: free_text(b"could not deliver\n" + b"a@" * (n // 2)),
    "lines of brackets": lambda n: free_text(b"Hi. This is the\n" + b"<a@b.example>:\n" * (n // 15)),
    "words before a recipient": lambda n: free_text(b"could not deliver\n" + (b"a@" * 450 + b"\n") * (n // 901)),
    "long words": lambda n: free_text(b"could not deliver\n" + (b"a" * 900 + b"\n") * (n // 901)),
    "Domino in any language": lambda n: free_text(b"x:\n\n  a@b.c\n\n" * (n // 13)),
    "recipients of Exim": lambda n: free_text(
        b"This message was created automatically by \n" + b"  a@b.example\n   550 x\n" * (n // 23)
    ),
    "titles": lambda n: free_text(b"----- Transcript of session follows -----\n" * (n // 42)),
    "spaces": lambda n: free_text(b"could not deliver " + b" " * n),
    "dashes": lambda n: free_text(b"could not deliver " + b"-" * n),
    "empty lines": lambda n: free_text(b"could not deliver" + b"\n" * n),
    "quotes": lambda n: free_text(b'could not deliver "' + b'\\"' * (n // 2)),
    "codes": lambda n: free_text(b"rejected a@b.example: " + b"550 5.1.1 " * (n // 10)),
    "because": lambda n: free_text(b"was not delivered to: a@b.c\n" * (n // 28)),
    "phrases of prose": lambda n: free_text((b"rejected user account failed " * 30 + b"\n") * (n // 871)),
    "colons": lambda n: free_text(b"failed\n" + (b"a b c d e f: " * 60 + b"\n") * (n // 781)),
    "pairs": lambda n: free_text(b"was not delivered to:\n\n" + (b"  " + b"@" * 400 + b"\n") * (n // 403)),
    "reasons first": lambda n: free_text(b"could not be delivered because of\n\n" * (n // 35)),
    "errors": lambda n: free_text(b"Error: x\n" * (n // 9)),
    "titles of Notes": lambda n: free_text(b"--- Failure Reasons --- \n" * (n // 25)),
    "names": lambda n: report(b"User x " * (n // 7)).replace(b"failure notice", b"DELIVERY FAILURE: x"),
    "headers in the text": lambda n: free_text(b"undelivered\n" + b"Received: x\n y\n" * (n // 15)),
    "angle brackets": lambda n: report(b"<" * n),
    "tags": lambda n: report(b"").replace(b"--=r\n\n", b"--=r\nContent-Type: text/html\n\n" + b"<style>" * (n // 7), 1),
    "a long diagnostic": lambda n: report(b"", b"550 " + b"spam a@b.example policy 5.7.1 " * (n // 30)),
    "a folded diagnostic": lambda n: report(b"", b"550" + b"\n  5.1.1 nobody" * (n // 15)),
    "a long header": lambda n: b"Subject: " + b"=?utf-8?q?" * (n // 10) + b"\n\nx",
    "a header bomb": lambda n: b"X-A: b\n" * (n // 7) + b"\nx",
    "a header without end": lambda n: b"X-A: b\n" + b" folded\n" * (n // 8) + b"\nx",
    "parameters": lambda n: b"Content-Type: multipart/mixed" + b"; a*0*=x" * (n // 8) + b"\n\nx",
    "parts": lambda n: b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * (n // 7),
    "nesting": lambda n: b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (i, i) for i in range(n // 56)
    ),
    "boundaries that do not occur": lambda n: b"Content-Type: multipart/mixed; boundary=zz\n\n" + b"--\n" * (n // 3),
    "carriage returns": lambda n: free_text(b"\r" * n),
    "NULs": lambda n: free_text(b"\0" * n),
    "base64": lambda n: report(b"").replace(
        b"--=r\n\n", b"--=r\nContent-Transfer-Encoding: base64\n\n" + b"=A==" * (n // 4), 1
    ),
    "soft line breaks": lambda n: report(b"").replace(
        b"--=r\n\n", b"--=r\nContent-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * (n // 2), 1
    ),
    "JSON": lambda n: free_text(b'{"notificationType":' + b"[" * n),
}
