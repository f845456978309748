"""Hostile letters in the child process: refused in seconds with a reason, and nothing of ours within reach."""

from __future__ import annotations

import os
import subprocess
import threading
from typing import Any

import pytest

from delivery.content.freeze import freeze
from delivery.content.limits import check_in_child
from delivery.content.source import Part, Source, TemplateProblem
from tests.delivery.content.samples import WORKSPACE, fifteen_kilobytes, letter, reader


def test_a_good_letter_comes_back_frozen_as_in_this_process() -> None:
    source = fifteen_kilobytes()
    assert check_in_child(
        source, [reader()], campaign={"name": "x"}, workspace=WORKSPACE, headers={"X-A": "b"}
    ) == freeze(source, headers={"X-A": "b"})


@pytest.mark.parametrize(
    ("source", "part", "words"),
    [
        (letter("\n{{ 'a' * 10**9 }}"), Part.HTML, "cannot be used"),
        (letter("{{ 'a'|center(1000000000) }}"), Part.HTML, "no filter"),
        (letter("{% for a in range(99999) %}{% endfor %}"), Part.HTML, "1,000"),
        (letter("{% for a in range(1000) %}" * 3 + "x" + "{% endfor %}" * 3), Part.HTML, "turns"),
        (letter("{% for a in range(1000) %}" + "y" * 20_000 + "{% endfor %}"), Part.HTML, "longer than 10,000,000"),
        (letter("x" * 10_000_000), Part.HTML, "too long"),
        (letter("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), Part.HTML, "macro"),
        (letter("<p>a</p>\n<p {{ contact.x }}>"), Part.HTML, "inside an HTML tag"),
        (letter(text="ok\n{{ contact.first_name > 3 }}"), Part.TEXT, "cannot be rendered"),
        (letter(subject="{{ 1 + 'x' }}"), Part.SUBJECT, "cannot be calculated"),
    ],
)
def test_a_bad_letter_is_refused_with_a_reason(source: Source, part: Part, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        check_in_child(source, [{"first_name": "Hana"}])
    assert caught.value.where is part
    assert words in str(caught.value)


def test_the_line_of_a_failing_render_is_the_author_s() -> None:
    with pytest.raises(TemplateProblem) as caught:
        check_in_child(
            letter("<html><head><style>p{color:red}</style></head>\n<body>\n{{ contact.a < 3 }}</body></html>"),
            [{"a": "x"}],
        )
    assert (caught.value.where, caught.value.line) == (Part.HTML, 3)


def test_what_takes_too_long_is_stopped() -> None:
    started = os.times()
    with pytest.raises(TemplateProblem, match="too long"):
        check_in_child(letter("<style>" + "a{b:c} " * 60_000 + "</style>"))
    spent = os.times()
    children = spent.children_user + spent.children_system - started.children_user - started.children_system
    assert children < 4.5  # two seconds of processor time, and the interpreter's own start


def test_it_works_from_a_thread_of_a_threaded_process() -> None:
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(check_in_child(letter("<p>x</p>")))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2


def test_the_child_has_no_secret_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []
    real = subprocess.run

    def run(*args: Any, **options: Any) -> Any:
        seen.append(options["env"])
        return real(*args, **options)

    monkeypatch.setenv("SECRET_KEY", "canary")
    monkeypatch.setattr("subprocess.run", run)
    check_in_child(letter("<p>x</p>"))
    assert set(seen[0]) == {"PYTHONIOENCODING", "LANG"}


def test_a_check_is_quick() -> None:
    started = os.times()
    check_in_child(letter("<p>{{ contact.first_name }}</p>"), [{"first_name": "x"}])
    spent = os.times()
    assert spent.children_user - started.children_user < 2.0
