"""Templates compiled to quoted-printable: what never changes is encoded once, when the template is compiled.

Encoding 15 KB afresh for every message would cost more than rendering it.
"""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from .mime import qp_static
from .rules import PRIVATE


class QuotedPrintable(CodeGenerator):
    """Jinja2's code generator, with every constant encoded now and every value encoded as it is put in."""

    _after_static = False

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 (Jinja2's name)
        self._after_static = False
        super().visit_Output(node, frame)

    def _output_const_repr(self, group: Any) -> str:
        self._after_static = True
        return repr(qp_static("".join(group)))

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if _is_slot(node):
            # Encoded before rendering: the same address stands in every link of a message.
            self.write("(")
            return
        # Attributes of our Sandbox: sandbox.py.
        self.write("environment.qp_value(" if self._after_static else "environment.qp_alone(")
        super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self._after_static = False
        if not _is_slot(node):
            super()._output_child_post(node, frame, finalize)
        self.write(")")


def _is_slot(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name in PRIVATE
