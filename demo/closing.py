"""Closing of the demo's periods, each day's with the time of that day."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from django.db.models.functions import TruncDay

from billing import closing
from billing.closing import CloseSummary
from billing.models import Period

Watch = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Called with a title and the amount of work; yields a function to call with the amount done."""


def close(at: datetime, watch: Watch) -> CloseSummary:
    """Close due periods day by day, so that invoices have the dates they would have had."""
    due = Period.objects.due(at)
    days = due.annotate(day=TruncDay("due_at")).values_list("day", flat=True).distinct().order_by("day")
    summary = CloseSummary()
    with watch("closing", due.count()) as report_done:
        for day in list(days):
            summary.add(closing.close_due(at=min(day + timedelta(days=1), at)))
            report_done(summary.closed)
    return summary
