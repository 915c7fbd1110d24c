"""Close periods by hand: one of them from its page, or those selected in the list."""

from datetime import datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
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


def _obstacles(selected: list[Period], *, now: datetime) -> list[str]:
    if not selected:
        return [gettext("None of the selected periods is open.")]
    if len(selected) > MAX_AT_ONCE:
        text = gettext("You can invoice up to %(most)s periods here. Start an invoice run for more.")
        return [text % {"most": MAX_AT_ONCE}]
    running = sum(period.ends_at > time_of(period, now) for period in selected)
    if not running:
        return []
    text = ngettext(
        "%(count)s period has not ended yet. Select only periods that have ended.",
        "%(count)s periods have not ended yet. Select only periods that have ended.",
        running,
    )
    return [text % {"count": format_number(running)}]


def describe_close(periods: list[Period]) -> Preview:
    """Return the consequences of closing these periods."""
    now, count = timezone.now(), len(periods)
    early = sum(period.ends_at <= time_of(period, now) < period.due_at for period in periods)
    closed = ngettext(
        "%(count)s period is closed and invoiced, at most once.",
        "%(count)s periods are closed and invoiced, each at most once.",
        count,
    )
    consequences = [
        closed % {"count": format_number(count)},
        gettext("The invoices are issued and numbered. They can't be changed afterwards."),
    ]
    if early:
        text = ngettext(
            "%(count)s period is still in its grace period: events that arrive later become late usage.",
            "%(count)s periods are still in their grace period: events that arrive later become late usage.",
            early,
        )
        consequences.append(text % {"count": format_number(early)})
    title = ngettext("Invoice %(count)s period", "Invoice %(count)s periods", count) % {"count": format_number(count)}
    return Preview(title=title, consequences=consequences, problems=_obstacles(periods, now=now), verb=title)


def close_each(request: HttpRequest, periods: list[Period]) -> None:
    """Close the periods one by one, and report the number of closed ones and the failures."""
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
        text = ngettext(
            "%(count)s period closed; invoices issued: %(invoices)s.",
            "%(count)s periods closed; invoices issued: %(invoices)s.",
            closed,
        )
        messages.success(request, text % {"count": closed, "invoices": invoices})
    for failure in failures[:5]:
        messages.error(request, failure)
    if len(failures) > 5:
        left = len(failures) - 5
        text = ngettext(
            "%(count)s more period failed. Its page shows the reason.",
            "%(count)s more periods failed. Their pages show the reasons.",
            left,
        )
        messages.error(request, text % {"count": left})


class ClosePeriod(ConfirmedAction[Period]):
    label, icon, variant = _("Invoice now"), "task_alt", ActionVariant.PRIMARY
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
    label = _("Invoice now")
    permission = CLOSE
    limit = MAX_AT_ONCE + 1  # one too many shows that there are more
    agreed_field = "confirmed"

    def select(self, queryset: QuerySet[Period]) -> QuerySet[Period]:
        return queryset.filter(state=PeriodState.OPEN).order_by("due_at", "pk")

    def preview(self, periods: list[Period]) -> Preview:
        return describe_close(periods)

    def run(self, periods: list[Period]) -> Response:
        close_each(self.request, periods[:MAX_AT_ONCE])
        return self.go()
