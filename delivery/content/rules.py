"""What a template may contain: an allow-list over Jinja2's syntax tree (security.md T1, T2).

Whatever cannot be bounded is refused here, before anything runs; what is left is counted at run time.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jinja2 import meta, nodes
from jinja2.visitor import NodeTransformer

from .filters import FILTERS
from .source import Part, TemplateProblem, gettext_noop

RECORDS = {"contact", "campaign", "workspace"}  # read field by field
ADDRESSES = {"unsubscribe_url", "preferences_url", "view_url"}
PRIVATE = {"_click", "_open"}  # ours, written by the freeze; a source may not name them
TESTS = {
    "defined", "undefined", "none", "number", "string", "even", "odd", "divisibleby", "in", "lower", "upper",
    "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "gt", "greaterthan", ">", "le", "<=", "ge", ">=",
}  # fmt: skip

_ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.With,
    nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr,
    nodes.Filter, nodes.Test, nodes.Call, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div,
    nodes.FloorDiv, nodes.Mod, nodes.Concat,
)  # fmt: skip

_REFUSED_TAGS: dict[type[nodes.Node], str] = {
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "from",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.FilterBlock: "filter",
    nodes.AssignBlock: "set … endset",
    nodes.ScopedEvalContextModifier: "autoescape",
    nodes.EvalContextModifier: "autoescape",
}


@dataclass(frozen=True)
class Reads:
    """What a template reads, each with the line of its first use."""

    fields: dict[str, int] = field(default_factory=dict)  # of the contact
    bare: dict[str, int] = field(default_factory=dict)  # those printed without a fallback
    names: dict[str, int] = field(default_factory=dict)  # roots: contact, unsubscribe_url, …
    always: set[str] = field(default_factory=set)  # printed for everybody: unsubscribe_url, workspace.legal_name


def check(tree: nodes.Template, where: Part, source: str, *, private: bool = False) -> Reads:
    """What the tree reads. Raises TemplateProblem at the first thing that is not allowed."""
    reads = Reads()
    _Checker(where, source, reads, private).visit(tree, None)
    _check_names(tree, where, source, reads, private)
    reads.always.update(_always(tree.body))
    return reads


def problem(where: Part, source: str, node: nodes.Node, needle: str, message: str, **params: object) -> TemplateProblem:
    """A problem at the node's line, at the column where `needle` first stands in it."""
    line = node.lineno or 0  # Jinja2 leaves it out of some nodes
    return TemplateProblem(where, line, column_of(source, line, needle) if line else 0, message, **params)


def column_of(source: str, line: int, needle: str) -> int:
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    at = text.find(needle) if needle else -1
    return (at if at >= 0 else max(text.find("{"), 0)) + 1


def bound(tree: nodes.Template) -> None:
    """Makes the tree countable: a loop pays turns × the size of its body from the render's budget (sandbox.py),
    and `a ~ b` becomes the join filter, which looks at lengths first."""
    _Joins().visit(tree)
    for loop in tree.find_all(nodes.For):
        weight = nodes.Const(1 + sum(1 for _ in _own_nodes(loop.body)), lineno=loop.lineno)
        loop.iter = nodes.Filter(loop.iter, "_counted", [weight], [], None, None, lineno=loop.lineno)


def _own_nodes(body: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
    """Nodes that run once a turn: those of inner loops pay for themselves."""
    for node in body:
        yield node
        inner: Iterable[nodes.Node] = (node.iter,) if isinstance(node, nodes.For) else node.iter_child_nodes()
        yield from _own_nodes(inner)


class _Joins(NodeTransformer):
    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 (Jinja2's name)
        self.generic_visit(node)
        pieces = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(pieces, "join", [], [], None, None, lineno=node.lineno)


class _Checker:
    def __init__(self, where: Part, source: str, reads: Reads, private: bool) -> None:
        self.where, self.source, self.reads, self.private = where, source, reads, private

    def visit(self, node: nodes.Node, parent: nodes.Node | None) -> None:
        self._allowed_kind(node)
        check = getattr(self, f"_{type(node).__name__.lower()}", None)
        if check is not None:
            check(node, parent)
        for child in node.iter_child_nodes():
            self.visit(child, node)

    def _refuse(self, node: nodes.Node, needle: str, message: str, **params: object) -> TemplateProblem:
        return problem(self.where, self.source, node, needle, message, **params)

    def _allowed_kind(self, node: nodes.Node) -> None:
        tag = _REFUSED_TAGS.get(type(node))
        if tag:
            message = gettext_noop("{%% %(tag)s %%} cannot be used in a letter.")
            raise self._refuse(node, tag.split()[0], message, tag=tag)
        if not isinstance(node, _ALLOWED):
            message = gettext_noop("“%(what)s” cannot be used in a letter.")
            raise self._refuse(node, "", message, what="**" if isinstance(node, nodes.Pow) else type(node).__name__)

    def _output(self, node: nodes.Output, parent: nodes.Node | None) -> None:
        for printed in node.nodes:
            name = _bare_field(printed)
            if name:
                self.reads.bare.setdefault(name, printed.lineno)

    def _for(self, node: nodes.For, parent: nodes.Node | None) -> None:
        if node.recursive:
            raise self._refuse(node, "recursive", gettext_noop("A loop cannot be recursive."))

    def _name(self, node: nodes.Name, parent: nodes.Node | None) -> None:
        name = node.name
        # Jinja2 gives every template a `self`, which no list of undeclared names shows.
        if name == "self" or (name.startswith("_") and not (self.private and name in PRIVATE)):
            raise self._refuse(node, name, gettext_noop("The name %(name)s cannot be used."), name=name)
        if node.ctx != "load":
            if name in RECORDS | ADDRESSES:  # else `unsubscribe_url` could mean anything
                raise self._refuse(node, name, gettext_noop("The name %(name)s cannot be used."), name=name)
            return
        self.reads.names.setdefault(name, node.lineno)
        is_call = isinstance(parent, nodes.Call) and parent.node is node
        if name == "loop" and not isinstance(parent, nodes.Getattr):
            raise self._refuse(node, name, gettext_noop("Say what of the loop: loop.index, for example."))
        if name == "range" and not is_call:
            raise self._refuse(node, name, gettext_noop("Write range(10): range is a function."))
        if name in RECORDS and not (isinstance(parent, nodes.Getattr | nodes.Getitem) and parent.node is node):
            message = gettext_noop("Say which field: %(name)s.first_name, for example.")
            raise self._refuse(node, name, message, name=name)

    def _getattr(self, node: nodes.Getattr, parent: nodes.Node | None) -> None:
        of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
        if of_loop and node.attr == "cycle" and not isinstance(parent, nodes.Call):
            raise self._refuse(node, node.attr, gettext_noop("Write loop.cycle(…): cycle is a function."))
        self._attribute(node, node.attr)

    def _getitem(self, node: nodes.Getitem, parent: nodes.Node | None) -> None:
        name = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(name, str):
            self._attribute(node, name)
            return
        if isinstance(node.node, nodes.Name) and node.node.name in RECORDS:
            message = gettext_noop("Name the field itself, in quotation marks: %(name)s[“…”].")
            raise self._refuse(node, node.node.name, message, name=node.node.name)

    def _attribute(self, node: nodes.Getattr | nodes.Getitem, name: str) -> None:
        if name.startswith("_"):
            raise self._refuse(node, name, gettext_noop("The name %(name)s cannot be used."), name=name)
        root = node.node.name if isinstance(node.node, nodes.Name) else ""
        if root == "contact":
            self.reads.fields.setdefault(name, node.lineno)

    def _call(self, node: nodes.Call, parent: nodes.Node | None) -> None:
        target = node.node
        is_range = isinstance(target, nodes.Name) and target.name == "range"
        is_cycle = (
            isinstance(target, nodes.Getattr)
            and target.attr == "cycle"
            and isinstance(target.node, nodes.Name)
            and target.node.name == "loop"
        )
        if (is_range or is_cycle) and node.dyn_args is None and node.dyn_kwargs is None:
            return
        name = getattr(target, "attr", None) or getattr(target, "name", None) or ""
        message = gettext_noop("%(name)s() cannot be called here. Change a value by a filter: |upper, for example.")
        raise self._refuse(node, str(name), message, name=name)

    def _filter(self, node: nodes.Filter, parent: nodes.Node | None) -> None:
        self._known(node, node.name, FILTERS, gettext_noop("There is no filter “%(name)s”.%(hint)s"))
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self._refuse(node, "*", gettext_noop("A filter's arguments must be written out."))

    def _test(self, node: nodes.Test, parent: nodes.Node | None) -> None:
        self._known(node, node.name, TESTS, gettext_noop("There is no test “is %(name)s”.%(hint)s"))

    def _known(self, node: nodes.Node, name: str, known: Iterable[str], message: str) -> None:
        if name not in known:
            raise self._refuse(node, name, message, name=name, hint=hint(name, known))


def _bare_field(node: nodes.Node | None) -> str:
    """The contact's field that this prints, however filtered, when nothing stands in for a missing value."""
    while isinstance(node, nodes.Filter) and node.name not in ("default", "d", "sama", "san"):
        node = node.node
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "contact":
        return node.attr
    return ""


def _always(body: Iterable[nodes.Node]) -> set[str]:
    """What stands outside of conditions and loops, or in every branch of a condition."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, nodes.Output):
            found.update(_path(printed) for printed in node.nodes)
        if isinstance(node, nodes.With):
            found |= _always(node.body)
        if isinstance(node, nodes.If):
            branches = (node.body, *(one.body for one in node.elif_), node.else_)
            found |= set.intersection(*map(_always, branches))
    return found


def _path(node: nodes.Node | None) -> str:
    """The name or record's field that this prints, however filtered; "" for anything else."""
    while isinstance(node, nodes.Filter | nodes.Or):
        node = node.node if isinstance(node, nodes.Filter) else node.left
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Name) and isinstance(node.arg, nodes.Const):
        return f"{node.node.name}.{node.arg.value}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return ""


def hint(name: str, known: Iterable[str]) -> str:
    """ " (upper?)" when a known name is near, else nothing: words of no language."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" ({near[0]}?)" if near else ""


def _check_names(tree: nodes.Template, where: Part, source: str, reads: Reads, private: bool) -> None:
    known = RECORDS | ADDRESSES | {"range"} | (PRIVATE if private else set())
    for name in sorted(meta.find_undeclared_variables(tree) - known, key=lambda name: reads.names.get(name, 0)):
        line = reads.names.get(name, 1)
        message = gettext_noop("There is no “%(name)s” here.%(hint)s Fields of a person are written contact.%(name)s.")
        raise TemplateProblem(
            where, line, column_of(source, line, name), message, name=name, hint=hint(name, known - PRIVATE)
        )
