"""The freeze: styles inlined, links numbered, Jinja2 untouched, and refused where it could not be kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.content.freeze import freeze
from delivery.content.inline import INLINERS
from delivery.content.links import Following, following, normal, trimmed
from delivery.content.plain_text import automatic
from delivery.content.protect import protect
from delivery.content.render import Renderer
from delivery.content.slots import PIXEL
from delivery.content.source import Frozen, Kind, Part, Slots, Source, TemplateProblem
from tests.delivery.content.samples import WORKSPACE, letter

SLOTS = Slots(
    "https://t.example/c/tok/", "https://t.example/o/tok", "https://t.example/u/tok", "https://t.example/p/tok"
)


def render(frozen: Frozen, person: dict[str, Any] | None = None, *, tracked: bool = True) -> Any:
    return Renderer(frozen, workspace=WORKSPACE, tracked=tracked).render(person or {}, SLOTS)


def frozen_html(html: str, person: dict[str, Any] | None = None, **options: Any) -> str:
    return str(render(freeze(letter(html), **options), person).html)


# Jinja2 where authors put it.
PLACES = """{% set shop = workspace.legal_name %}<!doctype html>
<html lang="en"><head><title>{{ contact.first_name }}</title>
<style>p { color: red !important } .x td { padding: 4px } @media (max-width: 600px) { p { color: blue } }</style></head>
<body{# a comment #}>
<table class="x">{% for t in contact.tags %}<tr><td>{{ t }}</td></tr>{% endfor %}</table>
<p class="{% if contact.vip %}gold{% else %}plain{% endif %}">{{ contact.note|default("a > b") }}</p>
<a href="{{ contact.site|default("https://e.example/?a=1&b=2") }}">x</a>
<img src='https://e.example/{{ contact.first_name|urlencode }}.png' alt="{{ shop }}">
<!--[if mso]><table><tr><td>{{ contact.first_name }}</td></tr></table><![endif]-->
<select><option>{{ contact.first_name }}</option></select>
{% raw %}{{ left as it is }}{% endraw %}
</body></html>
{% if contact.vip %}<!-- after -->{% endif %}"""


@pytest.mark.parametrize("inliner", INLINERS)
def test_tags_survive_wherever_an_author_may_put_them(inliner: str) -> None:
    person = {"first_name": "Ha<na>", "tags": ["a", "b"], "vip": True}
    html = frozen_html(PLACES, person, inliner=INLINERS[inliner])
    assert "<title>Ha&lt;na&gt;</title>" in html
    assert len(re.findall(r"<tr><td style=\"padding: ?4px;?\">[ab]</td></tr>", html)) == 2
    assert re.search(r'<p class="gold"[^>]*>a &gt; b</p>', html)
    assert 'href="https://e.example/?a=1&amp;b=2"' in html
    assert 'src="https://e.example/Ha%3Cna%3E.png"' in html
    assert 'alt="Shop Ltd."' in html
    assert "<!--[if mso]><table><tr><td>Ha&lt;na&gt;</td></tr></table><![endif]-->" in html
    assert "{{ left as it is }}" in html
    assert html.rstrip().endswith("<!-- after -->")
    assert "!important" in html
    assert "@media (max-width: 600px)" in html
    assert html.lower().count("<!doctype html>") == 1
    assert "<tbody" not in html


@pytest.mark.parametrize(
    ("html", "line", "column", "words"),
    [
        ("<p {{ contact.a }}>x</p>", 1, 4, "inside an HTML tag"),
        ("<p>\n<b {% if contact.a %}class='x'{% endif %}>x</b></p>", 2, 4, "inside an HTML tag"),
        ("<p>\n  <a href={{ contact.a }}>x</a></p>", 2, 11, "quotation marks"),
        ("<{{ contact.a }}>", 1, 2, "inside an HTML tag"),
        ("<style>\np { color: {{ contact.a }} }</style>", 2, 12, "<style>"),
        ("<script>{{ contact.a }}</script>", 1, 9, "<script>"),
        ("<p>{{ contact.a</p>", 1, 17, "out of place"),
    ],
)
def test_tags_that_could_not_be_kept_are_refused_with_their_place(
    html: str, line: int, column: int, words: str
) -> None:
    with pytest.raises(TemplateProblem) as caught:
        freeze(letter(html))
    assert (caught.value.where, caught.value.line, caught.value.column) == (Part.HTML, line, column), caught.value
    assert words in str(caught.value)


def test_an_inliner_that_loses_doubles_or_moves_a_tag_fails_the_freeze() -> None:
    html = "<html><body>\n<p>{{ contact.a }}</p><p>{{ contact.b }}</p></body></html>"
    token = protect(html).token
    for damage in (
        lambda text: text.replace(f"<!--{token(1)}-->", ""),
        lambda text: text.replace(f"<!--{token(0)}-->", f"<!--{token(0)}--><!--{token(0)}-->"),
        lambda text: text.replace(token(0), "X").replace(token(1), token(0)).replace("X", token(1)),
    ):
        with pytest.raises(TemplateProblem, match="would not survive"):
            freeze(letter(html), inliner=damage)


FRAGMENTS = [
    "<p>",
    "</p>",
    "<table><tr><td>",
    "</td></tr></table>",
    "</a>",
    "<br>",
    "&nbsp;",
    "é日",
    "<!--c-->",
    "<",
    '<a~href="https://e.example/{{contact.a}}">',
    "{{contact.a}}",
    "{%if~contact.b%}",
    "{%endif%}",
    "<style>p{color:red}</style>",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12))
def test_whatever_the_html_the_freeze_keeps_every_tag_or_says_what_is_wrong(parts: list[str]) -> None:
    html = "".join(parts).replace("~", " ")
    try:
        frozen = freeze(letter(html))
    except TemplateProblem:
        return
    wanted = re.findall(r"\{[{%].*?[}%]\}", html)
    kept = re.findall(r"\{[{%].*?[}%]\}", frozen.html)
    assert [tag for tag in kept if "_open" not in tag] == wanted
    render(frozen, {"a": "v", "b": True})


def test_links_are_numbered_once_each_and_their_words_kept() -> None:
    html = (
        '<a href="https://e.example/a?x=1&amp;y=2"><b>First</b> one</a>'
        '<a class="b" href=\'https://e.example/b\'><img src="i.png" alt="Picture"></a>'
        '<a href="https://e.example/a?x=1&amp;y=2">again</a>'
        "<map><area href='HTTP://E.example/c' alt='c'></map>"
        '<a href="//e.example/d">d</a>'
    )
    frozen = freeze(letter(html))
    assert frozen.links[:4] == (
        "https://e.example/a?x=1&y=2", "https://e.example/b", "http://e.example/c", "https://e.example/d",
    )  # fmt: skip
    assert frozen.link_texts[:2] == ("First one", "Picture")
    shown = render(frozen).html
    assert shown.count('href="https://t.example/c/tok/0"') == 2
    assert 'class="b" href="https://t.example/c/tok/1"' in shown
    untracked = render(frozen, tracked=False).html
    assert untracked.count('href="https://e.example/a?x=1&amp;y=2"') == 2
    assert "t.example" not in untracked


@pytest.mark.parametrize(
    "href",
    [
        "mailto:a@e.example",
        "tel:+81312345678",
        "#top",
        "/relative",
        "",
        "https://",
        "ftp://e.example/",
        "{{ unsubscribe_url }}",
        "https://e.example/{{ contact.id }}",
    ],
)
def test_other_links_stay_as_they_are(href: str) -> None:
    frozen = freeze(letter(f'<a href="{href}">x</a>', text="x"))
    assert frozen.links == ()
    assert f'href="{href}"' in frozen.html


def test_a_link_marked_so_is_not_followed_in_either_part() -> None:
    frozen = freeze(
        letter('<a href="https://e.example/" data-no-track>x</a><a data-no-track="1" href="https://e.example/y">y</a>')
    )
    assert frozen.links == ()
    assert "data-no-track" not in frozen.html
    assert "<https://e.example/>" in frozen.text


@pytest.mark.parametrize("href", ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "vbscript:x"])
def test_a_dangerous_link_is_refused(href: str) -> None:
    with pytest.raises(TemplateProblem, match="cannot lead to"):
        freeze(letter(f'<a href="{href}">x</a>'))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://例え.jp/日本?q=語#部", "https://xn--r8jz45g.jp/%E6%97%A5%E6%9C%AC?q=%E8%AA%9E#%E9%83%A8"),
        ("https://%E4%BE%8B%E3%81%88.jp/", "https://xn--r8jz45g.jp/"),
        ("https://e.example:8443/a b", "https://e.example:8443/ab"),
        ("https://e.example/{x}", "https://e.example/%7Bx%7D"),
        ("https://user:pass@e.example/", None),
        ("https://e.example:99999/", None),
        ("http://[::1]/x", "http://[::1]/x"),
        ("//e.example", "https://e.example"),
        ("ftp://e.example", None),
        ("https:///x", None),
        ("nonsense", None),
        ("https://e.example/a%20b?c=%7B", "https://e.example/a%20b?c=%7B"),
    ],
)
def test_addresses_are_put_into_one_form(address: str, expected: str | None) -> None:
    assert normal(address) == expected


def test_the_punctuation_of_a_sentence_is_no_part_of_an_address() -> None:
    assert trimmed("https://e.example/a.") == "https://e.example/a"
    assert trimmed("https://e.example/a).") == "https://e.example/a"
    assert trimmed("https://e.example/a_(b)") == "https://e.example/a_(b)"


def test_why_a_link_is_not_followed_is_known() -> None:
    assert following("x", tags=["{{ unsubscribe_url }}"], opted_out=False) is Following.PERSONAL
    assert following("https://e.example/x", tags=["{{ contact.a }}"], opted_out=False) is Following.VARIABLE
    assert following("https://e.example/", tags=[], opted_out=True) is Following.OPTED_OUT
    assert following("mailto:a@b.c", tags=[], opted_out=False) is Following.NOT_WEB


def test_addresses_in_the_text_part_are_numbered_with_those_of_the_html() -> None:
    text = (
        "See https://e.example/a, https://e.example/new. "
        "詳細はhttps://e.example/jaをご覧ください https://e.example/?i={{ contact.i }}"
    )
    frozen = freeze(letter('<a href="https://e.example/a">a</a>', text=text))
    assert frozen.links == ("https://e.example/a", "https://e.example/new", "https://e.example/ja")
    assert render(frozen, {"i": 5}).text == (
        "See https://t.example/c/tok/0, https://t.example/c/tok/1. "
        "詳細はhttps://t.example/c/tok/2をご覧ください https://e.example/?i=5"
    )


def test_the_preview_text_is_hidden_at_the_top_and_escaped() -> None:
    frozen = freeze(letter("<p>x</p>", preheader="Tea & cake for {{ contact.first_name }} <3"))
    html = render(frozen, {"first_name": "<Hana>"}).html
    assert re.search(r"<body[^>]*><div style=\"display:none[^>]*>Tea &amp; cake for &lt;Hana&gt; &lt;3", html)
    assert "mso-hide" not in render(freeze(letter("<p>x</p>"))).html


def test_the_pixel_is_the_last_thing_in_the_body() -> None:
    assert PIXEL + "</body>" in freeze(letter("<html><body><p>x</p></body></html>")).html
    assert freeze(letter("<p>x</p>")).html.count("_open") == 1


def test_a_fragment_becomes_a_document_and_a_document_gets_its_language() -> None:
    html = freeze(letter("<p>x</p>", subject="A & {{ contact.b }}", language="ja")).html
    assert '<html lang="ja">' in html
    assert "<title>A &amp; {{ contact.b }}</title>" in html
    bare = freeze(letter('<html dir="ltr"><body>x</body></html>', language="ja")).html
    assert re.search(r'<html [^>]*lang="ja"', bare)
    assert '<html lang="fr">' in freeze(letter('<html lang="fr"><body>x</body></html>')).html


def test_the_hash_follows_the_content_and_nothing_else() -> None:
    first, again = freeze(letter("<p>x</p>")), freeze(letter("<p>x</p>"))
    assert first == again
    others = [
        letter("<p>y</p>"),
        letter("<p>x</p>", subject="Other"),
        letter("<p>x</p>", text="other"),
        letter("<p>x</p>", preheader="p"),
    ]
    assert len({first.hash, *(freeze(other).hash for other in others)}) == 5
    assert freeze(letter("<p>x</p>"), headers={"X-A": "b"}).hash != first.hash


def test_the_fields_that_a_letter_reads_are_listed() -> None:
    frozen = freeze(
        letter(
            "<p>{{ contact.b }}</p>{% if contact.c %}x{% endif %}",
            subject="{{ contact.a }}",
            preheader="{{ contact['d'] }}",
        )
    )
    assert frozen.fields == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("source", "part", "words"),
    [
        (letter(subject="a\r\nBcc: x@y.z"), Part.SUBJECT, "one line"),
        (letter(subject="ring\x07"), Part.SUBJECT, "control characters"),
        (letter(subject="{{ contact.a"), Part.SUBJECT, "has no end"),
        (letter(preheader="{{ foo }}"), Part.PREHEADER, "foo"),
        (letter(text="\n{% if %}"), Part.TEXT, "missing before"),
        (letter("<p>\0</p>"), Part.HTML, "NUL"),
        (letter("{{ _click }}"), Part.HTML, "_click"),
        (letter("x" * 1_000_001), Part.HTML, "too long"),
    ],
)
def test_each_part_is_checked_by_itself(source: Source, part: Part, words: str) -> None:
    with pytest.raises(TemplateProblem, match=words) as caught:
        freeze(source)
    assert caught.value.where is part


def test_the_automatic_text_says_what_the_html_says() -> None:
    html = """<html><head><title>no</title><style>p{}</style></head><body>
    <div style="display:none">hidden {{ contact.secret }}</div>
    <h1>Autumn   news</h1>
    <p>Hello {{ contact.first_name or "you" }},<br>welcome&nbsp;back.</p>
    <ul>{% for t in contact.tags %}<li>{{ t }}</li>{% endfor %}</ul>
    <ol><li>one</li><li>two</li></ol>
    <table role="presentation"><tr><td>left</td><td>right</td></tr></table>
    <table><tr><th>Item</th><th>Price</th></tr><tr><td>Tea</td><td>500</td></tr></table>
    <p><a href="https://e.example/a?b=1&amp;c=2">Read <b>it</b></a> or <a href="mailto:a@e.example">write</a></p>
    <a href="https://e.example/p"><img src="x.png" alt="Our shop"></a>
    {% if contact.vip %}<p>Only you</p>{% endif %}<hr>
    <p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""
    frozen = freeze(letter(html, text=automatic(html)))
    text = render(frozen, {"tags": ["a", "b"], "vip": True}, tracked=False).text
    assert text == (
        "Autumn news\n\nHello you,\nwelcome back.\n\n- a\n- b\n\n1. one\n2. two\n\nleft\nright\n\n"
        "Item | Price\nTea | 500\n\nRead it <https://e.example/a?b=1&c=2> or write <a@e.example>\n\n"
        "Our shop <https://e.example/p>\n\nOnly you\n\n--------------------\n\n"
        "Unsubscribe <https://t.example/u/tok>\n"
    )


def test_a_simple_letter_becomes_paragraphs_with_a_footer() -> None:
    source = Source(
        Kind.LETTER,
        "Hi",
        text="Dear {{ contact.name }},\n\none & <two>\nthree https://e.example/a.\n"
        "{% if contact.vip %}\n\nVIP\n{% endif %}\nEnd",
    )
    frozen = freeze(source)
    shown = render(frozen, {"name": "<Hana>", "vip": True})
    html = re.sub(r' style="[^"]*"', "", shown.html)
    assert "<p>Dear &lt;Hana&gt;,</p>" in html
    assert (
        '<p>one &amp; &lt;two&gt;<br>\nthree <a href="https://t.example/c/tok/0">https://e.example/a</a>.</p>' in html
    )
    assert "<p>VIP</p>" in html
    assert "<p>Shop Ltd.<br>\n1 Mill Lane<br>\nBath</p>" in html
    assert '<a href="https://t.example/u/tok">Unsubscribe</a>' in html
    assert shown.text.endswith("Shop Ltd.\n1 Mill Lane\nBath\n\nUnsubscribe: https://t.example/u/tok\n")


def test_a_letter_that_has_its_own_way_out_gets_no_second_one() -> None:
    frozen = freeze(Source(Kind.LETTER, "Hi", text="Stop: {{ unsubscribe_url }}"))
    assert frozen.html.count("unsubscribe_url") == frozen.text.count("unsubscribe_url") == 1


def test_a_notice_has_no_footer() -> None:
    assert "unsubscribe" not in freeze(Source(Kind.NOTICE, "Hi", text="Reset: https://e.example/r/1")).html
