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
        kind = "html" if frame.eval_ctx.autoescape else "text"
        # Attributes of our Sandbox: sandbox.py.
        self.write(f"environment.qp_{kind}{'' if self._after_static else '_alone'}(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self._after_static = False
        self.write(")")


def _is_slot(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.name in PRIVATE
