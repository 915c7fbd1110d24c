"""The closing page: progress day by day, and the latest invoice runs."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncDay
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.admin.figure_cache import read_cached
from billing.models import Job, Period, UnmatchedUsage
from billing.models.jobs import JobKind
from billing.models.periods import PeriodState
from lib.admin import is_allowed, require, staff_page

CLOSE = "billing.close_period"
BACK, AHEAD = timedelta(days=21), timedelta(days=10)
# The page refreshes itself while a close runs, so its lists and its counts are bounded.
MAX_FAILURES = 20
MAX_RUNS = 5
MAX_COUNTED = 1_000
FRESH_SECONDS = 4
"""Cache time of the counts: many people may watch a close, and one query serves them all."""


@dataclass(frozen=True, slots=True)
class DayOfClosing:
    """The periods due on one day (UTC)."""

    day: date
    closed: int
    due: int
    failed: int
    to_come: int

    @property
    def total(self) -> int:
        return self.closed + self.due + self.failed + self.to_come

    @property
    def percent(self) -> int:
        return self.closed * 100 // self.total if self.total else 100


def page(request: HttpRequest) -> HttpResponse:
    """Show the progress of closing."""
    require(request, "billing.view_period")
    only_progress = request.headers.get("HX-Request") == "true"
    template = "staff/closing/closing_progress.html" if only_progress else "staff/closing/closing_status.html"
    may_close = is_allowed(request, CLOSE)
    return staff_page(request, template, title=_("Invoicing"), may_close=may_close, **progress(at=timezone.now()))


def progress(*, at: datetime) -> dict[str, Any]:
    """Return the progress of closing. A period that failed counts as failed, not as due, until its retry succeeds."""
    days = read_cached("staff:closing", FRESH_SECONDS, lambda: _days(at=at))
    failures = Period.objects.failed().select_related("subscription__customer").order_by("pk")[:MAX_FAILURES]
    unmatched = UnmatchedUsage.objects.outstanding().filter(sandbox=False)
    return {
        "at": at,
        "days": days,
        "due": sum(day.due for day in days),
        "failed": sum(day.failed for day in days),
        "failures": list(failures),
        "unmatched": unmatched.order_by()[:MAX_COUNTED].count(),
        "most_counted": MAX_COUNTED,
        "runs": Job.objects.filter(kind=JobKind.CLOSE_RUN).select_related("by").order_by("-pk")[:MAX_RUNS],
    }


def _days(*, at: datetime) -> list[DayOfClosing]:
    is_open, has_failed = Q(state=PeriodState.OPEN), ~Q(error="")
    rows = (
        Period.objects.filter(due_at__gte=at - BACK, due_at__lt=at + AHEAD)
        .annotate(day=TruncDay("due_at"))
        .values("day")
        .annotate(
            closed=Count("pk", filter=Q(state=PeriodState.CLOSED)),
            due=Count("pk", filter=is_open & ~has_failed & Q(due_at__lte=at)),
            failed=Count("pk", filter=is_open & has_failed),
            to_come=Count("pk", filter=is_open & ~has_failed & Q(due_at__gt=at)),
        )
        .order_by("day")
    )
    return [DayOfClosing(row["day"].date(), row["closed"], row["due"], row["failed"], row["to_come"]) for row in rows]
