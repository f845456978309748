"""The sandbox: attacks are refused or print nothing of ours, honest templates work, errors say where."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.content.sandbox import BUDGET, compile_part
from delivery.content.source import Part, RenderLimit, TemplateProblem

CANARY = "canary-5f1e7a"
PERSON: dict[str, Any] = {
    "first_name": "花子", "last_name": "", "points": 1200, "since": "2026-11-24", "tags": ["vip", "tokyo", "<b>"],
    "company": {"name": "秋田工房"}, "born": None,
}  # fmt: skip


def render(source: str, part: Part = Part.TEXT, **values: Any) -> str:
    context = {"contact": PERSON, "workspace": {"legal_name": "ACME"}, "_language": "en", **values}
    return compile_part(part, source).render(context)


ATTACKS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ contact.__class__ }}",
    "{{ contact['__class__'] }}",
    "{{ contact.first_name.__class__ }}",
    "{{ contact.first_name['__class__'] }}",
    "{{ contact.tags.__init__.__globals__ }}",
    "{{ contact.first_name|attr('__class__') }}",
    "{{ contact.first_name|attr('format') }}",
    "{{ '{0.__class__}'.format(contact.tags) }}",
    "{{ ('{0.__class__}'.format)(contact.tags) }}",
    "{{ '{0.__class__}'|format(contact.tags) }}",
    "{{ '%s' % contact.tags }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%c' % 10 }}",
    "{{ contact.first_name.format_map(contact.company) }}",
    "{% set f = contact.first_name.format %}{{ f(1) }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ cycler('a').next() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ joiner(',')() }}",
    "{{ namespace.__init__.__globals__ }}",
    "{% set ns = namespace(x=1) %}{{ ns.x }}",
    "{{ lipsum.__globals__['os'].environ }}",
    "{{ lipsum(1000000) }}",
    "{{ dict.mro() }}",
    "{{ range.__class__ }}",
    "{{ range }}",
    "{{ range|attr('__class__') }}",
    "{{ url_for.__globals__ }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ settings.SECRET_KEY }}",
    "{{ environment }}",
    "{{ context.environment }}",
    "{{ _budget }}",
    "{{ _click }}",
    "{{ _open }}",
    "{{ loop.__class__ }}",
    "{% for x in contact.tags %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for x in contact.tags %}{{ loop._iterable }}{% endfor %}",
    "{% for x in contact.tags %}{{ loop('a') }}{% endfor %}",
    "{% for x in contact.tags recursive %}{{ loop(contact.tags) }}{% endfor %}",
    "{% for x in contact.tags %}{{ loop.cycle }}{% endfor %}",
    "{% for x in contact.tags %}{{ loop }}{% endfor %}",
    "{% for x in contact.tags %}{{ loop|string }}{% endfor %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'x' import y %}",
    "{% include '/etc/passwd' %}",
    "{% extends 'base.html' %}",
    "{% block a %}{% endblock %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call x() %}{% endcall %}",
    "{% autoescape false %}{{ contact.first_name }}{% endautoescape %}",
    "{% filter upper %}a{% endfilter %}",
    "{% set x %}a{% endset %}",
    "{{ contact.tags|map('upper')|list }}",
    "{{ contact.tags|map(attribute='__class__')|list }}",
    "{{ contact.tags|selectattr('__class__')|list }}",
    "{{ contact.tags|groupby('__class__') }}",
    "{{ contact.company|xmlattr }}",
    "{{ contact|pprint }}",
    "{{ contact|tojson }}",
    "{{ contact }}",
    "{{ contact.first_name|safe }}",
    "{{ contact.tags.append('x') }}",
    "{{ contact.company.update(a=1) }}",
    "{{ contact.clear() }}",
    "{{ contact.first_name.upper() }}",
    "{{ contact.points.bit_length() }}",
    "{{ (1).__class__ }}",
    "{{ [].__class__.__base__ }}",
    "{{ {}.__class__ }}",
    "{{ contact[contact.first_name] }}",
    "{{ contact.tags|sort(attribute='__class__') }}",
    "{{ contact.tags|join(attribute='__class__') }}",
    "{{ 'x'|replace(*contact.tags) }}",
    "{{ contact.first_name|date(**contact.company) }}",
    "{% do contact.clear() %}",
    "{% debug %}",
    "{{ 2 ** 100 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ contact.tags * 1000000000 }}",
    "{{ contact.first_name is callable }}",
    "{{ get_flashed_messages.__globals__.__builtins__.open('/etc/passwd').read() }}",
]
TELLTALES = ("<class", "<function", "object at 0x", "<built-in", "<bound", "module", "root:", CANARY, "<Template")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_or_prints_nothing_of_ours(attack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", CANARY)
    try:
        output = render(attack)
    except (TemplateProblem, RenderLimit) as refusal:
        output = str(refusal)
        assert "0x" not in output
    else:
        pytest.fail(f"not refused: {output}")
    assert not any(sign in output for sign in TELLTALES), output


def test_the_corpus_has_sixty_attacks_and_more() -> None:
    assert len(set(ATTACKS)) >= 60


@pytest.mark.parametrize(
    "value",
    ["{{ contact.__class__ }}", "{0.__class__}", "{% for x in range(9) %}", "%(x)s", "<script>", "${7*7}", "#{7*7}"],
)
def test_a_template_in_a_value_stays_a_value(value: str) -> None:
    assert render("{{ contact.v }}", contact={"v": value}) == value
    assert "<script>" not in render("{{ contact.v }}", Part.HTML, contact={"v": value})


def test_values_are_escaped_in_html_and_nowhere_else() -> None:
    source = "{{ contact.tags|join(', ') }}"
    assert render(source, Part.HTML) == "vip, tokyo, &lt;b&gt;"
    assert render(source, Part.TEXT) == "vip, tokyo, <b>"
    assert render(source, Part.SUBJECT) == "vip, tokyo, <b>"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{{ contact.first_name or "you" }}', "花子"),
        ('{{ contact.last_name or "you" }}', "you"),
        ('{{ contact.nickname or "you" }}', "you"),
        ("{{ contact.nickname }}", ""),
        ("{{ contact.born }}", ""),
        ("{{ contact.a.b.c }}", ""),
        ("{{ contact.company.name }}", "秋田工房"),
        ('{{ contact["company"]["name"] }}', "秋田工房"),
        ("{{ contact.first_name|sama }}", "花子様"),
        ("{{ contact.last_name|sama }}", "お客様"),
        ('{{ contact.last_name|sama("会員様") }}', "会員様"),
        ('{{ "山田 花子"|sama }}', "山田 花子 様"),
        ('{{ "山田様"|sama }}', "山田様"),
        ("{{ contact.first_name|san }}", "花子さん"),
        ("{{ contact.since|date }}", "24 November 2026"),
        ('{{ contact.since|date("%Y/%-m/%-d (%a)") }}', "2026/11/24 (Tue)"),
        ('{{ "2026-11-24T09:05:00+09:00"|date("%H:%M %I %p %% %Q") }}', "09:05 09 AM % %Q"),
        ('{{ "soon"|date }}', "soon"),
        ("{{ contact.points|number }}", "1,200"),
        ("{{ contact.points * 2 + 1 }}", "2401"),
        ("{{ 7 / 0 }}", "0"),
        ("{{ contact.nothing * 2 }}", ""),
        ("{% if contact.nothing > 5 %}a{% else %}b{% endif %}", "b"),
        ("{% if contact.points >= 1000 %}gold{% endif %}", "gold"),
        ('{% if "vip" in contact.tags %}v{% endif %}', "v"),
        ('{% if "vip" in contact.nothing %}v{% endif %}', ""),
        (
            "{% for t in contact.tags %}{{ loop.index }}{{ t }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1vip,2tokyo,3<b>",
        ),
        ("{% for t in contact.nothing %}x{% else %}none{% endfor %}", "none"),
        ("{% for n in range(3) %}{{ n }}{{ loop.cycle('a', 'b') }}{% endfor %}", "0a1b2a"),
        ("{% for t in contact.tags if t != 'vip' %}{{ t }}{% endfor %}", "tokyo<b>"),
        ("{% set x = contact.first_name ~ '!' %}{{ x }}", "花子!"),
        ("{% with a = 1 %}{{ a }}{% endwith %}", "1"),
        ("{{ contact.tags[0] }}{{ contact.tags[9] }}{{ contact.tags[:1]|join }}", "vipvip"),
        ("{{ contact.first_name|default('x') }}{{ contact.last_name|default('x') }}", "花子x"),
        ("{{ 'a b&c'|urlencode }}", "a%20b%26c"),
        ("{{ 3.456|round(1) }} {{ 2.5|round }} {{ '7'|int + 1 }}", "3.5 2 8"),
        ("{{ 'long words here'|truncate(8) }}", "long wo…"),
        ("{{ contact.tags|length }} {{ contact.tags|first }} {{ contact.tags|last }}", "3 vip <b>"),
        ("{{ contact.x is defined }} {{ contact.points is defined }}", "False True"),
        ("{# nothing #}{% raw %}{{ raw }}{% endraw %}", "{{ raw }}"),
        ("{{ 'é' ~ contact.last_name ~ 1 }}", "é1"),
    ],
)
def test_what_a_letter_may_say(source: str, expected: str) -> None:
    assert render(source) == expected


def test_dates_are_japanese_in_a_japanese_letter() -> None:
    assert render('{{ contact.since|date }}・{{ contact.since|date("%-m月%-d日(%a) %B") }}', _language="ja") == (
        "2026年11月24日・11月24日(火) 11月"
    )


def test_line_breaks_become_br_in_html_only() -> None:
    value = {"v": "1 <Lane>\nBath"}
    assert render("{{ contact.v|line_breaks }}", Part.HTML, contact=value) == "1 &lt;Lane&gt;<br>\nBath"
    assert render("{{ contact.v|line_breaks }}", Part.TEXT, contact=value) == "1 <Lane>\nBath"


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        ("a\n  {{ contact.first_name", 2, 14, "has no end"),
        ("a\n\n{{ contact.first_name + }}", 3, 25, "missing before the end"),
        ("{{ contact.a }} {% foo %}", 1, 20, "{% foo %} is unknown"),
        ("x {{ ) }}", 1, 6, "')' is out of place"),
        ("{{ contact.a ! }}", 1, 14, "'!' is out of place"),
        ("\n{% if contact.a %}\n{% for t in contact.tags %}{% endfor %}\nlong\n", 2, 1, "{% if %} is never closed"),
        ("{% endif %}", 1, 4, "{% endif %} is unknown, or out of place"),
        ("{% set unsubscribe_url = '' %}", 1, 8, "The name unsubscribe_url cannot be used"),
        ("{% with workspace = 1 %}{% endwith %}", 1, 9, "The name workspace cannot be used"),
        ("{% for contact in contact.tags %}{% endfor %}", 1, 8, "The name contact cannot be used"),
        ("{% if contact.a b %}{% endif %}", 1, 17, "“%}” was expected here, not “b”"),
        ("\n{{ contact.a|uper }}", 2, 14, "no filter “uper”. (upper?)"),
        ("{{ contact.a is strange }}", 1, 17, "no test “is strange”"),
        ("\n\n  {{ first_name }}", 3, 6, "contact.first_name"),
        ("{{ contcat.first_name }}", 1, 4, "(contact?)"),
        ("{{ contact.first_name.upper() }}", 1, 23, "|upper"),
        ("ab\r\ncd {% include 'x' %}", 2, 7, "include"),
        ("{{ 99" + "9" * 5000 + " }}", 0, 0, "too long"),
        ("{{" + "(" * 2000 + "1" + ")" * 2000 + "}}", 0, 0, "nested too deeply"),
    ],
)
def test_an_error_names_its_line_and_column(source: str, line: int, column: int, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        compile_part(Part.TEXT, source)
    assert (caught.value.line, caught.value.column) == (line, column), caught.value
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% for a in range(1001) %}{% endfor %}", "range"),
        ("{% for a in range(1000) %}" * 3 + "x" + "{% endfor %}" * 3, "turns"),
        ("{% for a in range(1000) %}" + "y" * 20_000 + "{% endfor %}", "longer than"),
        ("{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}", "characters long"),
        ("{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a }}", "characters long"),
        ("{% set a = 'aaaaaaaaaa' %}" + "{% set a = [a, a]|join %}" * 40 + "{{ a }}", "characters long"),
        ("{% set a = 'aaaaaaaaaa' %}" + "{% set a = a|replace('a', a) %}" * 40 + "{{ a }}", "characters long"),
        ("{% set a = 999999999999 * 999999999999 %}", "too large"),
        ("{{ contact.first_name * 5 }}", "cannot be calculated"),
        ("{{ contact.tags + contact.tags }}", "cannot be calculated"),
        ("{{ contact.first_name > 5 }}", "cannot be rendered"),
        ("{% for x in contact.points %}{% endfor %}", "range(…)"),
    ],
)
def test_what_cannot_be_bounded_stops_the_render(source: str, words: str) -> None:
    with pytest.raises(RenderLimit) as caught:
        render(source)
    assert words in str(caught.value)


def test_a_failing_render_names_the_part_and_its_line() -> None:
    with pytest.raises(RenderLimit) as caught:
        render("one\ntwo {{ contact.first_name > 5 }}", Part.HTML)
    assert (caught.value.where, caught.value.line) == (Part.HTML, 2)


def test_loops_pay_for_what_stands_in_them() -> None:
    assert render("{% for a in range(1000) %}{{ a }}{% endfor %}").endswith("999")
    body = "{{ contact.points }}" * 300
    with pytest.raises(RenderLimit):
        render("{% for a in range(1000) %}" + body + "{% endfor %}")
    assert BUDGET < 1000 * 300 * 2


def test_what_a_letter_reads_is_known() -> None:
    reads = compile_part(
        Part.HTML, '{{ contact.a }}\n{{ contact["b"] or "x" }}{{ workspace.legal_name }}{{ contact.c|sama }}'
    ).reads
    assert reads.fields == {"a": 1, "b": 2, "c": 2}
    assert reads.bare == {"a": 1}
    assert reads.always >= {"contact.a", "contact.c", "workspace.legal_name"}
