"""Jinja2 for letters: sandboxed, bounded, and fed with plain values only (security.md T1, T2).

Attributes are read from dicts and nothing else, so no method, class or format of any value can be reached.
"""

from __future__ import annotations

import operator
import traceback
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NoReturn

from jinja2 import TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.compiler import CodeGenerator
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .filters import FILTERS, bounded
from .mime import qp_alone, qp_html, qp_html_alone, qp_text
from .rules import TESTS, Reads, bound, check
from .source import Part, RenderLimit, TemplateProblem, gettext_noop
from .spots import SpotStream, syntax_problem

LONGEST_SOURCE = 1_000_000  # characters
LONGEST_OUTPUT = 10_000_000  # characters of one part for one person
LONGEST_RANGE = 1_000
BUDGET = 500_000  # loop turns × nodes of the loop's body, a render
LARGEST_NUMBER = 10**15

_LOOP_NAMES = {"index", "index0", "revindex", "revindex0", "first", "last", "length", "cycle", "previtem", "nextitem"}
_AT_ONCE = 256  # pieces joined before the length is looked at


class Missing(Undefined):
    """A value that is not there: prints as nothing, is false, compares as false, and so never stops a send."""

    __slots__ = ()

    def _itself(self, *args: object, **kwargs: object) -> Missing:
        return self

    def _false(self, other: object) -> bool:
        return False

    def __getattr__(self, name: str) -> Missing:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    __getitem__ = _itself  # type: ignore[assignment]
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _itself  # type: ignore[assignment]
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _itself  # type: ignore[assignment]
    __mod__ = __rmod__ = __neg__ = __pos__ = _itself  # type: ignore[assignment]
    __lt__ = __le__ = __gt__ = __ge__ = _false  # type: ignore[assignment]


def bounded_range(*args: Any) -> range:
    """range() of at most LONGEST_RANGE numbers; a missing value counts as 0."""
    numbers = range(*(int(arg) if not isinstance(arg, Undefined) else 0 for arg in args))
    if len(numbers) > LONGEST_RANGE:
        message = gettext_noop("A range may have %(most)s numbers, not %(length)s.")
        raise RenderLimit(message, most=f"{LONGEST_RANGE:,}", length=f"{len(numbers):,}")
    return numbers


@pass_context
def counted(context: Context, items: Any, weight: int) -> Any:
    """The items of a loop, once their turns have been paid for from the render's budget."""
    if isinstance(items, bool | int | float):
        raise RenderLimit(gettext_noop("A loop needs a list: to count, write range(…)."))
    budget = context.parent["_budget"]
    budget[0] -= len(items) * weight
    if budget[0] < 0:
        raise RenderLimit(gettext_noop("The loops take too many turns."))
    return items


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one part; `html` decides on escaping."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def __init__(self, *, html: bool, generator: type[CodeGenerator] = CodeGenerator) -> None:
        super().__init__(autoescape=html, undefined=Missing, keep_trailing_newline=True, cache_size=0)
        self.code_generator_class = generator
        self.globals = {"range": bounded_range}
        self.filters = {**FILTERS, "_counted": counted}
        self.tests = {name: self.tests[name] for name in TESTS}
        # For code made by wire.py.
        self.qp_html, self.qp_html_alone, self.qp_text, self.qp_text_alone = qp_html, qp_html_alone, qp_text, qp_alone

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            value = obj.get(attribute)
            return Missing(name=attribute) if value is None else value
        if type(obj) is LoopContext and attribute in _LOOP_NAMES:
            return getattr(obj, attribute)
        return Missing(name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) is dict:
            value = obj.get(argument)
            return Missing(name=str(argument)) if value is None else value
        if isinstance(obj, list | tuple | str | range) and isinstance(argument, int):
            return obj[argument] if -len(obj) <= argument < len(obj) else Missing(name=str(argument))
        return Missing(name="item")

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        is_cycle = getattr(obj, "__func__", None) is LoopContext.cycle
        if obj is bounded_range or is_cycle:
            return obj(*args)  # Jinja2 adds keywords of its own inside a loop; these two take none
        raise SecurityError("only range() and loop.cycle() can be called")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            return left if isinstance(left, Undefined) else right
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            bounded(len(left) + len(right))
            return left + right
        return _arithmetic(operator, left, right)


def _arithmetic(sign: str, left: Any, right: Any) -> Any:
    """Numbers only: a string times a number, or % as formatting, cannot be bounded."""
    if not (isinstance(left, int | float) and isinstance(right, int | float)) or sign == "**":
        kinds = f"{type(left).__name__} {sign} {type(right).__name__}"
        raise SecurityError(f"{kinds} cannot be calculated")
    if sign in ("/", "//", "%") and right == 0:
        return 0
    result = _OPERATORS[sign](left, right)
    if abs(result) > LARGEST_NUMBER:
        raise RenderLimit(gettext_noop("A number becomes too large."))
    return result


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


class Compiled:
    """A part, ready to be rendered any number of times; one render at a time a thread, any number of threads."""

    def __init__(self, where: Part, environment: Sandbox, tree: nodes.Template, reads: Reads) -> None:
        self.where = where
        self.reads = reads
        code = environment.compile(tree)
        self._template = environment.template_class.from_code(environment, code, {})
        self._environment = environment

    def pieces(self, values: dict[str, Any]) -> Iterator[str]:
        """The output in pieces, for values that hold `_budget`."""
        context = Context(self._environment, values, None, {})
        return self._template.root_render_func(context)

    def render(self, values: dict[str, Any]) -> str:
        """The whole output. Raises RenderLimit for anything that goes wrong: nobody gets half a letter."""
        values["range"] = bounded_range
        values["_budget"] = [BUDGET]
        try:
            return _joined(self.pieces(values))
        except RenderLimit as error:
            raise RenderLimit(error.message, where=self.where, line=self._line(error), **error.params) from error
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            message = gettext_noop("It cannot be rendered: %(detail)s")
            raise RenderLimit(message, where=self.where, line=self._line(error), detail=str(error)) from error

    def _line(self, error: BaseException) -> int:
        """The template's line that was running, 0 when unknown."""
        frames = traceback.walk_tb(error.__traceback__)
        lines = [line for frame, line in frames if frame.f_code.co_filename == "<template>"]
        return self._template.get_corresponding_lineno(lines[-1]) if lines else 0


def _joined(pieces: Iterator[str]) -> str:
    """Joined a handful at a time, so that an output without end is noticed early and a usual one costs one join."""
    text = "".join(islice(pieces, _AT_ONCE))
    parts = [text]
    length = 0
    while text:
        length += len(text)
        if length > LONGEST_OUTPUT:
            message = gettext_noop("The output is longer than %(most)s characters.")
            raise RenderLimit(message, most=f"{LONGEST_OUTPUT:,}")
        text = "".join(islice(pieces, _AT_ONCE))
        parts.append(text)
    return "".join(parts) if len(parts) > 2 else parts[0]


def parse(where: Part, source: str) -> nodes.Template:
    """The syntax tree, unchecked. Raises TemplateProblem with line and column."""
    if len(source) > LONGEST_SOURCE:
        message = gettext_noop("This part is too long: %(length)s characters, at most %(most)s.")
        raise TemplateProblem(where, 0, 0, message, length=f"{len(source):,}", most=f"{LONGEST_SOURCE:,}")
    environment = _ENVIRONMENTS[where is Part.HTML]
    stream: SpotStream | None = None
    try:
        stream = SpotStream(environment.lexer, source)
        tree = _parser(environment, stream).parse()
    except TemplateSyntaxError as error:
        line, column = stream.place(error) if stream is not None else (error.lineno, 1)
        raise syntax_problem(where, error, line, column) from error
    except (RecursionError, ValueError, OverflowError) as error:
        _too_deep(where, error)
    tree.set_environment(environment)
    return tree


def compile_part(
    where: Part, source: str, *, private: bool = False, generator: type[CodeGenerator] = CodeGenerator
) -> Compiled:
    """A checked, compiled part. `private` for a frozen one, which holds our own slots. Raises TemplateProblem."""
    tree = parse(where, source)
    return compile_tree(where, tree, check(tree, where, source, private=private), generator)


def compile_tree(
    where: Part, tree: nodes.Template, reads: Reads, generator: type[CodeGenerator] = CodeGenerator
) -> Compiled:
    environment = Sandbox(html=where is not Part.SUBJECT and where is not Part.TEXT, generator=generator)
    bound(tree)
    tree.set_environment(environment)
    try:
        return Compiled(where, environment, tree, reads)
    except (RecursionError, SyntaxError, MemoryError, ValueError) as error:
        _too_deep(where, error)
    except TemplateSyntaxError as error:
        raise syntax_problem(where, error, error.lineno, 1) from error


def _too_deep(where: Part, error: BaseException) -> NoReturn:
    message = gettext_noop("This part is nested too deeply, or holds a number that is too long.")
    raise TemplateProblem(where, 0, 0, message) from error


def _parser(environment: Sandbox, stream: SpotStream) -> Parser:
    parser = Parser(environment, "")
    parser.stream = stream
    return parser


_ENVIRONMENTS = {html: Sandbox(html=html) for html in (False, True)}
