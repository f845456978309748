"""Mail that means harm, or is broken: never a crash, and work grows with size and no faster."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from delivery.bounces import mime
from delivery.bounces.reading import read
from delivery.smtp.replies import TEXT_LIMIT

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "bounces").glob("*.eml"))
JUNK = [
    b"\0",
    b"\xff\xfe",
    b"\r",
    b"\n\n",
    b"--=r\n",
    b"=?utf-8?B?",
    b"@" * 300,
    b"<" * 300,
    b"550 5.1.1 ",
    b"\x1b$B",
    b'"',
]


def mutated(raw: bytes, rng: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at : at + rng.randrange(60)] = b""
            case 1:
                data[at:at] = rng.choice(JUNK)
            case 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case _:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randrange(400)]
    return bytes(data)


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_report_never_breaks_the_reader(seed: int) -> None:
    rng = random.Random(seed)
    for path in SAMPLES:
        raw = path.read_bytes()
        for _ in range(3):
            report = read(mutated(raw, rng))
            for each in report.recipients:
                assert len(each.reply.text) <= TEXT_LIMIT
                assert each.recipient == each.recipient.lower()


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


HOSTILE = {
    "at signs": lambda n: free_text(b"could not deliver\n" + b"@" * n),
    "a@a@a@": lambda n: free_text(b"could not deliver\n" + b"a@" * (n // 2)),
    "lines of brackets": lambda n: free_text(b"Hi. This is the\n" + b"<a@b.example>:\n" * (n // 15)),
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


def cost(raw: bytes) -> float:
    """Processor seconds of the quickest of two readings."""
    times = []
    for _ in range(2):
        start = time.process_time()
        read(raw)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_what_its_size_is(name: str) -> None:
    """Eight times the text may cost eight times the time and a constant, never its square."""
    small, large = HOSTILE[name](1 << 18), HOSTILE[name](1 << 21)
    assert cost(large) < 12 * cost(small) + 0.1


def test_ten_megabytes_are_read_and_what_reports_is_found_behind_them() -> None:
    body = (b"x" * 76 + b"\n") * (10 * 1024 * 1024 // 77)
    (told,) = read(report(body)).recipients
    assert (told.recipient, told.reply.code) == ("gone@inbox.example", 550)


def test_what_is_beyond_the_limits_is_left_out() -> None:
    parts = b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 5000
    assert len(mime.parse(parts).leaves()) <= mime.PARTS
    inner = b'Content-Type: multipart/mixed; boundary="c"\n\n' + b"--c\n\nx\n" * 60
    tree = b'Content-Type: multipart/mixed; boundary="b"\n\n' + (b"--b\n" + inner) * 60
    assert len(mime.parse(tree).leaves()) <= mime.ALL_PARTS
    fields = mime.parse(b"X-A: b\n" * 5000 + b"\nx").fields
    assert len(fields) <= mime.FIELDS
    many = b"".join(
        b"Final-Recipient: rfc822; a%d@b.example\nAction: failed\nStatus: 5.1.1\n\n" % n for n in range(5000)
    )
    assert len(read(report(b"").replace(b"Final-Recipient", many + b"Final-Recipient")).recipients) <= 200


@pytest.mark.parametrize(
    "charset", ["punycode", "unicode_escape", "idna", "zlib", "base64", "rot13", "utf-7", "x" * 500, ""]
)
def test_only_real_charsets_are_used(charset: str) -> None:
    raw = f"Content-Type: text/plain; charset={charset}\n\n\\x41 caf\\u00e9\n".encode()
    assert mime.parse(raw).text == "\\x41 caf\\u00e9\n"
