"""Mail that means harm, or is broken: never a crash, and work grows with size and no faster."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from delivery.bounces import mime
from delivery.bounces.reading import read
from delivery.smtp.replies import TEXT_LIMIT
from tests.delivery.bounces.hostile import HOSTILE, report

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
            for each in read(mutated(raw, rng)).recipients:
                assert len(each.reply.text) <= TEXT_LIMIT
                assert each.recipient == each.recipient.lower()


def cost(raw: bytes) -> float:
    """Processor seconds of one reading."""
    start = time.process_time()
    read(raw)
    return time.process_time() - start


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_costs_what_its_size_is(name: str) -> None:
    """Eight times the text may cost eight times the time and a constant, never its square."""
    small, large = HOSTILE[name](1 << 17), HOSTILE[name](1 << 20)
    limit = 12 * cost(small) + 0.1
    assert any(cost(large) < limit for _ in range(3))  # a busy machine may disturb one


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
