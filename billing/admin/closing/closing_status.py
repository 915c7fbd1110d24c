"""The closing page: how far closing is, day by day, and the runs that people started."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.db.models.functions import TruncDay
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from billing.models import Job, Period, UnmatchedUsage
from billing.models.jobs import JobKind
from billing.models.periods import PeriodState

CLOSE = "billing.close_period"
BACK, AHEAD = timedelta(days=21), timedelta(days=10)
MOST_FAILURES = 20
MOST_RUNS = 5
MOST_COUNTED = 1_000
FRESH_SECONDS = 4
"""How old the counts may be: any number of people may watch a close, and only one question is asked for all."""


@dataclass(frozen=True, slots=True)
class DayOfClosing:
    """The periods that are due on one day (UTC)."""

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
    """Show the progress."""
    if not request.user.has_perm("billing.view_period"):
        raise PermissionDenied
    at = timezone.now()
    context = {**admin.site.each_context(request), "title": "Close", **progress(at=at)}
    context["may_close"] = request.user.has_perm(CLOSE)
    request.current_app = admin.site.name
    only_progress = request.headers.get("HX-Request") == "true"
    template = "staff/closing/closing_progress.html" if only_progress else "staff/closing/closing_status.html"
    return TemplateResponse(request, template, context)


def progress(*, at: datetime) -> dict[str, Any]:
    """Return how far closing is. What waits after a failure counts as failed, not as due."""
    days = cache.get_or_set("staff:closing", lambda: _days(at=at), FRESH_SECONDS)
    failures = Period.objects.failed().select_related("subscription__customer").order_by("pk")[:MOST_FAILURES]
    unmatched = UnmatchedUsage.objects.filter(resolved_at__isnull=True, sandbox=False)
    return {
        "at": at,
        "days": days,
        "due": sum(one.due for one in days),
        "failed": sum(one.failed for one in days),
        "failures": list(failures),
        "unmatched": unmatched.order_by()[:MOST_COUNTED].count(),
        "most_counted": MOST_COUNTED,
        "runs": Job.objects.filter(kind=JobKind.CLOSE_RUN).select_related("by").order_by("-pk")[:MOST_RUNS],
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
