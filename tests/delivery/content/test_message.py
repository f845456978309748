"""Messages as they leave: what mail servers demand of every byte (sending.md S1–S3, S18, S21, M1, M4, M6–M10)."""

from __future__ import annotations

import re
from email.headerregistry import AddressHeader
from email.utils import parsedate_to_datetime
from typing import Any

import dkim
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.content.compose import Footing
from delivery.content.freeze import freeze
from delivery.content.headers import BadHeader, addr_spec, mailbox, rfc_date
from delivery.content.message import Identity, Skeleton
from delivery.content.mime import Encoding
from delivery.content.render import Renderer
from delivery.dkim import OVERSIGNED, Signer, dns_record, new_key
from delivery.tokens import UnsubscribeToken, WebPurpose, WebToken
from tests.delivery.content.samples import (
    RING,
    SECOND,
    WORKSPACE,
    bare_breaks,
    body,
    composer,
    fifteen_kilobytes,
    letter,
    line_lengths,
    parsed,
    reader,
    recipient,
)  # fmt: skip

PRIVATE, PUBLIC = new_key()
SIGNER = Signer("example.com", "s1", PRIVATE)
BENCH = freeze(fifteen_kilobytes())
JAPANESE = freeze(
    letter(
        "<p>{{ contact.first_name|sama }}、秋の新作です。</p><p>" + "いつもありがとうございます。" * 40 + "</p>"
        '<a href="https://e.example/">新作</a> <a href="{{ unsubscribe_url }}">配信停止</a>',
        subject="{{ contact.first_name }}秋の新作" + "をお届けします" * 40,
        language="ja",
    )
)
CONTROLS = 'a \r\n\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029.:<>="é日'
EVIL = st.text(alphabet=st.one_of(st.sampled_from(CONTROLS), st.characters(codec="utf-8")), max_size=60)
COMPOSER = composer(BENCH)
TINY = freeze(letter("<p>{{ contact.f0 }}</p>", subject="Hello {{ contact.f0 }}"))


def verifies(data: bytes) -> bool:
    return bool(dkim.verify(data, dnsfunc=lambda name, timeout=5: dns_record(PUBLIC).encode()))


def message(frozen: Any = BENCH, **options: Any) -> bytes:
    return composer(frozen, signer=SIGNER, **options).compose(recipient(), second=SECOND).data


@pytest.mark.parametrize("frozen", [BENCH, JAPANESE], ids=["english", "japanese"])
def test_a_mail_reader_sees_what_was_rendered_and_dkimpy_verifies(frozen: Any) -> None:
    made = composer(frozen, signer=SIGNER)
    data = made.compose(recipient({**reader(), "first_name": "花子"}), second=SECOND).data
    shown = Renderer(frozen, campaign={"name": "Autumn"}, workspace=WORKSPACE).render(
        {**reader(), "first_name": "花子"}, made.slots(recipient())
    )
    mail = parsed(data)
    assert mail["Subject"] == shown.subject
    assert body(mail, "html") == shown.html.rstrip("\n")
    assert body(mail, "plain") == shown.text.rstrip("\n")
    assert verifies(data)
    assert data.isascii()
    assert not bare_breaks(data)
    assert max(line_lengths(data)) <= 110


def test_every_single_header_is_there_once() -> None:
    mail = parsed(message())
    for name in (
        "Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type", "List-Unsubscribe",
        "List-Unsubscribe-Post", "List-Id", "Feedback-ID", "X-Shirase-Ref", "DKIM-Signature",
    ):  # fmt: skip
        assert len(mail.get_all(name, [])) == 1, name
    assert mail["From"] == "Shop <news@example.com>"
    assert mail["List-Id"] == "News <list-7.example.com>"
    assert mail["Feedback-ID"] == "1:2:campaign:shirase1"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert parsedate_to_datetime(mail["Date"]).timestamp() == SECOND
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert not mail.defects


def test_the_addresses_in_a_message_carry_valid_tokens() -> None:
    composed = COMPOSER.compose(recipient(), second=SECOND)
    mail = parsed(composed.data)
    assert RING.parse_return_path(composed.return_path_local) == 12345
    assert mail["X-Shirase-Ref"] == composed.return_path_local
    html = body(mail, "html")
    one_click = re.fullmatch(r"<https://track\.example\.com/u/([^>]+)>", mail["List-Unsubscribe"])
    assert one_click
    assert RING.parse_unsubscribe(one_click[1]) == UnsubscribeToken(99, 7)
    assert f'href="https://track.example.com/u/{one_click[1]}"' in html
    clicks = re.findall(r'href="https://track\.example\.com/c/([^/"]+)/(\d+)"', html)
    assert [int(number) for _, number in clicks] == list(range(10))
    assert {RING.parse_web(WebPurpose.CLICK, token) for token, _ in clicks} == {WebToken(7, 12345)}
    pixel = re.search(r'src="https://track\.example\.com/o/([^"]+)"', html)
    assert pixel
    assert RING.parse_web(WebPurpose.OPEN, pixel[1]) == WebToken(7, 12345)
    assert BENCH.links == tuple(f"https://www.example.com/{at}" for at in range(10))


def test_the_same_message_is_built_again_byte_for_byte() -> None:
    assert message() == message()
    first, second = (COMPOSER.compose(recipient(number=number), second=SECOND).data for number in (1, 2))
    assert first != second


def test_message_ids_differ_by_message_and_by_content() -> None:
    writers = [composer(frozen) for frozen in (BENCH, JAPANESE)]
    mails = [parsed(one.compose(recipient(number=n), second=SECOND).data) for one in writers for n in (1, 2)]
    ids = {str(mail["Message-ID"]) for mail in mails}
    assert len(ids) == 4
    assert all(re.fullmatch(r"<[0-9a-f]+\.[0-9a-f]{16}@example\.com>", one) for one in ids)
    assert not any(str(mail["X-Shirase-Ref"])[2:] in one for mail in mails for one in ids), "replies quote it"


@pytest.mark.parametrize("footing", [Footing.TEST, Footing.NOTICE])
def test_tests_and_notices_cannot_be_unsubscribed_from_and_are_not_followed(footing: Footing) -> None:
    data = message(footing=footing)
    mail = parsed(data)
    assert "List-Unsubscribe" not in mail
    html = body(mail, "html")
    assert "/c/" not in html
    assert 'width="1"' not in html
    assert 'href="https://www.example.com/3"' in html
    assert 'href="https://track.example.com/u/test"' in html
    assert verifies(data)


def test_automatic_mail_says_so() -> None:
    identity = Identity("system@example.com", auto_submitted=True)
    assert parsed(message(identity=identity))["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"From: Shop", b"From: Shot"),
        (b"Value 19", b"Value 20"),
        (b"Feedback-ID: 1:2", b"Feedback-ID: 2:2"),
        (b"List-Id: News", b"List-Id: Nows"),
        (b"X-Shirase-Ref: 1k", b"X-Shirase-Ref: 2k"),
        (b"quoted-printable\r\n\r\nHello", b"quoted-printable\r\n\r\nJello"),
    ],
)
def test_a_tampered_message_does_not_verify(old: bytes, new: bytes) -> None:
    data = message()
    assert old in data
    assert verifies(data)
    assert not verifies(data.replace(old, new, 1))


@pytest.mark.parametrize("name", OVERSIGNED)
def test_a_second_field_added_on_the_way_does_not_verify(name: bytes) -> None:
    assert not verifies(name.title() + b": x@evil.example\r\n" + message())


TINY_COMPOSER = composer(TINY)
HEADER_COUNT = len(parsed(TINY_COMPOSER.compose(recipient(), second=SECOND).data).keys())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVIL, EVIL)
def test_no_value_of_a_person_can_add_a_header_or_a_bare_break(first: str, second: str) -> None:
    values = {**reader(), "f0": first, "f1": second, "tags": [first, second]}
    try:
        data = TINY_COMPOSER.compose(recipient(values), second=SECOND).data
    except BadHeader:
        assert re.search(r"[\x00-\x08\x0e-\x1b\x7f-\x9f]", first)
        return
    mail = parsed(data)
    assert len(mail.keys()) == HEADER_COUNT
    assert not bare_breaks(data)
    assert data.isascii()
    assert max(line_lengths(data)) <= 110
    assert len(list(mail.iter_parts())) == 2


@settings(max_examples=100, deadline=None)
@given(EVIL)
def test_no_name_can_break_a_header(name: str) -> None:
    try:
        identity = Identity("news@example.com", name, list_id="list-1.example.com", list_name=name)
        skeleton_lines = Skeleton(identity, (Encoding.BASE64, Encoding.BASE64), "0" * 64)
    except BadHeader:
        return
    assert skeleton_lines
    assert not re.search(r"[\r\n\0\x85\u2028]", name)
    data = composer(TINY, identity=identity).compose(recipient(name=name), second=SECOND).data
    mail = parsed(data)
    sender = mail["From"]
    assert isinstance(sender, AddressHeader)
    assert [address.addr_spec for address in sender.addresses] == ["news@example.com"]
    # Python 3.11 keeps the white space between two encoded-words of a phrase, against RFC 2047, 6.2.
    assert "".join(sender.addresses[0].display_name.split()) == "".join(name.split())
    assert max(line_lengths(data)) <= 998
    assert not bare_breaks(data)


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b", "a\x1cb"])
@pytest.mark.parametrize("field", ["name", "address", "reply_to", "list_name", "headers"])
def test_a_control_character_in_any_field_is_refused(field: str, bad: str) -> None:
    value: Any = bad + "@example.com" if field in ("address", "reply_to") else bad
    value = {"X-Note": bad} if field == "headers" else value
    identity = Identity(**{"address": "a@example.com", "list_id": "list-1.example.com", field: value})
    with pytest.raises(BadHeader):
        Skeleton(identity, (Encoding.BASE64, Encoding.BASE64), "0" * 64)


@pytest.mark.parametrize(
    "identity",
    [
        Identity("nobody"),
        Identity("a@exa mple.com"),
        Identity("a@example.com>\r\nRCPT TO:<x@y"),
        Identity("a@example.com", list_id="no dots"),
        Identity("a@example.com", feedback_id="a:b:c"),
        Identity("a@example.com", feedback_id="a:b:c:abcd"),
        Identity("a@example.com", headers={"Bcc": "x@y.z"}),
        Identity("a@example.com", headers={"X-Shirase-Ref": "1"}),
    ],
)
def test_an_identity_that_cannot_stand_in_a_header_is_refused(identity: Identity) -> None:
    with pytest.raises(BadHeader):
        Skeleton(identity, (Encoding.BASE64, Encoding.BASE64), "0" * 64)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("hanako@example.net", "hanako@example.net"),
        ("a..b@docomo.ne.jp", '"a..b"@docomo.ne.jp'),
        (".dot.@docomo.ne.jp", '".dot."@docomo.ne.jp'),
        ('"a b"@example.net', '"a b"@example.net'),
        ("o'hara+x@example.net", "o'hara+x@example.net"),
        ("用户@xn--r8jz45g.jp", "用户@xn--r8jz45g.jp"),
        ("用户@例え.jp", "用户@例え.jp"),
    ],
)
def test_every_address_stays_itself_in_a_header_that_can_be_read(address: str, shown: str) -> None:
    assert addr_spec("To", address) == shown
    data = composer(JAPANESE, signer=SIGNER).compose(recipient(to=address, name="花子"), second=SECOND).data
    header = parsed(data)["To"]
    assert isinstance(header, AddressHeader)
    assert len(header.addresses) == 1
    assert header.addresses[0].display_name == "花子"
    assert data.isascii() == address.isascii()


def test_an_address_with_a_line_break_is_refused() -> None:
    for address in ("a@b.example>\r\nRCPT TO:<x@y.example", "a\r\n@b.example", "a@b.example\r\n", "a@b@", ""):
        with pytest.raises(BadHeader):
            mailbox("To", "", address)


def test_a_long_sender_name_is_folded() -> None:
    folded = mailbox("From", "秋田の工房からのお知らせをお届けする編集部" * 5, "news@example.com")
    assert all(len(line) <= 76 for line in ("From: " + folded).split("\r\n"))


def test_lines_stay_short_whatever_the_template_holds() -> None:
    html = "<p>" + "x" * 5000 + "</p><p>" + "秋" * 3000 + "</p>{{ contact.long }}"
    frozen = freeze(letter(html, subject="新" * 300))
    data = composer(frozen, signer=SIGNER).compose(recipient({"long": "y" * 9000}), second=SECOND).data
    assert max(line_lengths(data)) <= 110
    assert verifies(data)
    assert "y" * 9000 in body(parsed(data), "html")


@pytest.mark.parametrize(
    "text", [".", "..", ".\r\n.", "\r\n.\r\n", "." * 10_000, "From me\nFrom you", "a\r\n--=_3039_shirase--\r\nb"]
)
def test_dots_and_boundaries_in_a_body_come_back(text: str) -> None:
    frozen = freeze(letter("<p>x</p>", text="A{{ contact.t }}B"))
    data = composer(frozen).compose(recipient({"t": text}), second=SECOND).data
    assert body(parsed(data), "plain") == "A" + text.replace("\r\n", "\n") + "B"


def test_dates_need_no_locale() -> None:
    assert rfc_date(0) == "Thu, 01 Jan 1970 00:00:00 +0000"
    assert parsedate_to_datetime(rfc_date(SECOND)).timestamp() == SECOND
