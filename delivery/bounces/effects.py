"""What a report with a valid token does: one path for every inlet (docs/bounces.md has the table)."""

from __future__ import annotations

from delivery.bounces import complaints
from delivery.bounces.report import Kind, Report
from delivery.models import IncomingReport, Message

Result, Deed = IncomingReport.Result, IncomingReport.Deed


def act(row: IncomingReport, message: Message, report: Report) -> None:
    """Within the transaction that stores the report; `row` then says what was done."""
    if report.kind is Kind.COMPLAINT:
        _complaint(row, message, report)
    row.save(update_fields=["result", "deeds"])


def _complaint(row: IncomingReport, message: Message, report: Report) -> None:
    told = report.feedback_type.lower()
    if told in complaints.NO_COMPLAINT:
        return
    left = told in complaints.LEFT
    if complaints.complained(message, source=row.inlet, left=left, detail={"report": row.pk}):
        row.result, row.deeds = Result.DONE, [Deed.COMPLAINED, Deed.STOPPED]
    else:
        row.result = Result.REPEATED
