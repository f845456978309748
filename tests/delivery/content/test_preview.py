"""Preview and analysis: what the author and the preflight are shown."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.content.analysis import Analysis, analyse
from delivery.content.freeze import freeze
from delivery.content.links import Following
from delivery.content.preview import Preview, inert, preview
from delivery.content.source import Kind, Source
from tests.delivery.content.samples import IDENTITY, SECOND, WORKSPACE, fifteen_kilobytes, letter, reader

HTML = """<html><body>
{# a comment
 of two lines #}
{% if contact.vip and
 contact.points %}<p>{{ contact.first_name }} {{ contact.last_name or "you" }} {{ contact.city|upper }}</p>{% endif %}
<a href="https://e.example/">click here</a>
<a href="/relative"><img src="x.png"></a>
<a href="{{ unsubscribe_url }}">{{ contact.first_name }}</a> <a href="https://e.example/{{ contact.id }}">yours</a>
<img src="data:image/png;base64,xx" alt=""> {{ workspace.legal_name }}, 1-2 Tokyo
</body></html>"""


def shown(html: str, person: dict[str, Any], **options: Any) -> Preview:
    return preview(
        freeze(letter(html, preheader="Hi {{ contact.first_name }}", **options)),
        person,
        identity=IDENTITY,
        to="hanako@example.net",
        to_name="花子",
        second=SECOND,
        workspace=WORKSPACE,
    )


def test_values_fallbacks_and_gaps_are_outlined() -> None:
    html = shown(HTML, {"vip": True, "points": 1, "first_name": "<Hana>"}).html
    assert 'class="shirase-value" data-field="first_name"' in html
    assert ">&lt;Hana&gt;</span>" in html
    assert 'class="shirase-fallback" data-field="last_name"' in html
    assert ">you</span>" in html
    assert 'class="shirase-missing" data-field="city"' in html
    assert ">city</span>" in html


def test_missing_fields_are_named() -> None:
    assert shown(HTML, {"vip": True, "points": 1, "city": ""}).missing == ("city", "first_name", "id", "last_name")


def test_values_in_attributes_are_not_wrapped() -> None:
    html = shown('<p title="{{ contact.first_name }}">x</p><p>{{ contact["お名前"] }}</p>', {"first_name": "Hana"}).html
    assert '<p title="Hana">' in html
    assert 'data-field="お名前"' in html


def test_a_preview_has_no_pixel_and_its_links_lead_nowhere() -> None:
    html = shown(HTML, reader()).html
    assert 'width="1"' not in html
    assert 'href="#" title="https://e.example/"' in html
    assert 'href="https' not in html
    assert 'href="{{' not in html


def test_headers_source_and_text_are_those_of_a_copy() -> None:
    made = shown(HTML, {"first_name": "Hana"}, subject="Hello {{ contact.first_name }}\n".strip())
    assert made.subject == "Hello Hana"
    assert made.preheader == "Hi Hana"
    assert "From: Shop <news@example.com>" in made.headers
    assert "List-Unsubscribe: <https://example.com/unsubscribe>" in made.headers
    assert made.source.startswith(made.headers)
    assert "multipart/alternative" in made.source
    assert "click here <https://e.example/>" in made.text


def test_a_letter_s_preview_is_outlined_too() -> None:
    frozen = freeze(Source(Kind.LETTER, "Hi", text="Dear {{ contact.first_name or 'you' }}"))
    made = preview(frozen, {}, identity=IDENTITY, to="a@example.net")
    assert "shirase-fallback" in made.html


def test_inert_takes_refresh_and_every_link() -> None:
    page = "<meta http-equiv='refresh' content='0;url=//evil'><a class=x href=https://a.example/?a=1&amp;b>y</a>"
    html = inert(page + "<area href='b'>")
    assert "refresh" not in html
    assert '<a class=x href="#" title="https://a.example/?a=1&amp;b">' in html
    assert '<area href="#" title="b">' in html


def analysed(source: Source, **sender: str) -> Analysis:
    return analyse(source, freeze(source), **sender)


def test_the_analysis_names_lines_as_the_author_sees_them() -> None:
    found = analysed(letter(HTML), postal_address="1-2  Tokyo")
    assert [(link.address, link.line, link.following) for link in found.links] == [
        ("https://e.example/", 6, Following.FOLLOWED),
        ("/relative", 7, Following.NOT_WEB),
        ("{{ unsubscribe_url }}", 8, Following.PERSONAL),
        ("https://e.example/{{ contact.id }}", 8, Following.VARIABLE),
    ]
    assert [link.line for link in found.broken_links] == [7]
    assert [link.line for link in found.generic_links] == [6]
    assert [link.text for link in found.untracked_links] == ["yours"]
    assert [image.line for image in found.images_without_alt] == [7]
    assert [image.line for image in found.images if image.is_embedded] == [9]


def test_the_analysis_knows_what_may_be_missing() -> None:
    found = analysed(letter(HTML))
    assert set(found.fields) == {"vip", "points", "first_name", "last_name", "city", "id"}
    assert set(found.fields_without_fallback) == {"first_name", "city", "id"}
    assert found.unknown_fields(["vip", "points", "first_name", "last_name", "id"]) == {"city": 5}


def test_way_out_and_sender_count_only_when_both_parts_have_them() -> None:
    assert analysed(letter(HTML)).has_unsubscribe
    assert not analysed(letter(HTML, text="nothing")).has_unsubscribe
    assert not analysed(letter("<p>x</p>")).has_unsubscribe
    assert not analysed(letter(HTML)).has_legal_block
    assert analysed(letter(HTML), postal_address="1-2 Tokyo").has_legal_block
    assert not analysed(letter(HTML), postal_address="9-9 Osaka").has_legal_block
    assert analysed(letter("{{ workspace.legal_name }} {{ workspace.postal_address }}")).has_legal_block
    assert analysed(Source(Kind.LETTER, "s", text="Hi")).has_unsubscribe


def test_sizes_are_measured() -> None:
    found = analysed(fifteen_kilobytes())
    assert 12_000 < found.size < 20_000
    assert found.subject_length == len("{{ contact.f0 }}, our autumn letter")
    assert not found.has_script
    assert analysed(letter("<script>x</script>")).has_script


LINK = '<a href="{{ unsubscribe_url }}">Leave</a>'


@pytest.mark.parametrize(
    ("html", "everybody"),
    [
        (LINK, True),
        ("{% if contact.vip %}" + LINK + "{% else %}" + LINK + "{% endif %}", True),
        ("{% if contact.vip %}" + LINK + "{% endif %}", False),
        ("{% if contact.vip %}" + LINK + "{% elif contact.city %}Hi{% else %}" + LINK + "{% endif %}", False),
        ("{% for one in contact.orders %}" + LINK + "{% endfor %}", False),
        ('<a href="{{ unsubscribe_url if contact.vip }}">Leave</a>', False),
        ("{% if unsubscribe_url %}You may leave{% endif %}", False),
        ("<p>{{ unsubscribe_url }}</p>", False),
        ("<!-- " + LINK + " -->", False),
        ("{% if contact.vip %}" + LINK + "{% endif %}<!-- {{ unsubscribe_url }} -->", False),
        ("<!-- {% if contact.vip %} -->" + LINK + "<!-- {% endif %} --> {{ '<!--' }}" + LINK + "{{ '-->' }}", True),
    ],
)
def test_a_way_out_counts_only_as_a_link_that_everybody_gets(html: str, everybody: bool) -> None:
    source = letter(f"<p>Hello</p>{html}", text="{{ unsubscribe_url }}")
    assert analysed(source).has_unsubscribe == everybody


def test_the_sender_counts_only_where_everybody_reads_it() -> None:
    both = '{{ workspace["legal_name"] or "we" }} {{ workspace.postal_address|upper }}'
    assert analysed(letter(both)).has_legal_block
    assert not analysed(letter("{% if contact.vip %}" + both + "{% endif %}")).has_legal_block
    assert not analysed(letter(f"<!-- {both} -->")).has_legal_block
