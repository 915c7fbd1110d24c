"""Close periods by hand: one of them from its page, or those selected in the list."""

from datetime import datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.enums import ActionVariant

from billing.admin.closing.closing_status import CLOSE
from billing.admin.closing.service_days import span_of
from billing.closing import ClosingFailed, PeriodNotOver, close_period
from billing.models import Period
from billing.models.periods import PeriodState
from customers.customer_time import current_time, loaded_current_time
from lib.admin import ConfirmedAction, Preview, Response, SelectionAction
from lib.formats import format_number

MAX_AT_ONCE = 200
"""Periods closed by hand in one request; an invoice run has no bound."""


def time_of(period: Period, now: datetime) -> datetime:
    return loaded_current_time(period.subscription.customer, now=now)


def _obstacles(chosen: list[Period], *, now: datetime) -> list[str]:
    if not chosen:
        return ["None of the chosen periods is open."]
    if len(chosen) > MAX_AT_ONCE:
        return [f"More than {MAX_AT_ONCE} periods are too many for one page: use the closing page instead."]
    running = sum(period.ends_at > time_of(period, now) for period in chosen)
    return (
        [f"{format_number(running)} of them are not over yet: choose only periods that have ended."]
        if running
        else []
    )


def describe_close(periods: list[Period]) -> Preview:
    """Return the consequences of closing these periods."""
    now, count = timezone.now(), len(periods)
    noun = "period" if count == 1 else "periods"
    early = sum(period.ends_at <= time_of(period, now) < period.due_at for period in periods)
    consequences = [
        f"{format_number(count)} {noun} {'is' if count == 1 else 'are'} closed and invoiced, each at most once.",
        "The invoices are issued and numbered, and do not change after that.",
    ]
    if early:
        consequences.append(f"{format_number(early)} of them would have waited for stragglers, which are late then.")
    title = f"Close {format_number(count)} {noun}"
    return Preview(title=title, consequences=consequences, problems=_obstacles(periods, now=now), verb=title)


def close_each(request: HttpRequest, periods: list[Period]) -> None:
    """Close the periods one by one, and report how many were closed and why others were not."""
    invoices = 0
    failures: list[str] = []
    for period in periods:
        try:
            at = current_time(period.subscription.customer)
            invoices += close_period(period_id=period.pk, at=at) is not None
        except (ClosingFailed, PeriodNotOver) as error:
            failures.append(f"{period.subscription.customer}, {span_of(period)}: {error}")
    closed = len(periods) - len(failures)
    if closed:
        messages.success(request, f"{closed} period{'s' * (closed != 1)} closed, {invoices} with an invoice.")
    for failure in failures[:5]:
        messages.error(request, failure)
    if len(failures) > 5:
        messages.error(request, f"{len(failures) - 5} more failed; the list says why.")


class ClosePeriod(ConfirmedAction[Period]):
    label, icon, variant = "Close now", "task_alt", ActionVariant.PRIMARY
    permission = CLOSE

    @staticmethod
    def is_offered(period: Period) -> bool:
        is_over = period.ends_at <= current_time(period.subscription.customer)
        return period.state == PeriodState.OPEN and is_over

    def preview(self, period: Period) -> Preview:
        return describe_close([period])

    def run(self, period: Period) -> Response:
        close_each(self.request, [period])
        return self.go()


class ClosePeriods(SelectionAction[Period]):
    label = "Close now"
    permission = CLOSE
    limit = MAX_AT_ONCE + 1  # one too many says that there are more
    agreed_field = "confirmed"

    def select(self, queryset: QuerySet[Period]) -> QuerySet[Period]:
        return queryset.filter(state=PeriodState.OPEN).order_by("due_at", "pk")

    def preview(self, periods: list[Period]) -> Preview:
        return describe_close(periods)

    def run(self, periods: list[Period]) -> Response:
        close_each(self.request, periods[:MAX_AT_ONCE])
        return self.go()
