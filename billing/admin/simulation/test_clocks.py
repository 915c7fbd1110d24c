"""Test clocks: their customers, their time, and the controls that advance them."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError
from unfold.enums import ActionVariant

from billing.models import Period
from billing.models.periods import PeriodState
from billing.simulation.sandbox import CannotAdvance, retry_advance, start_advance, stop_clock
from billing.simulation.sandbox.next_due import next_due_at
from billing.tasks import advance_clocks
from customers.models import TestClock
from invoices.models import Invoice
from lib.admin import ConfirmedAction, Preview, Response, StaffAdmin, StaffForm, page_url, require, staff_user
from lib.admin.columns import column
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.formats import format_number
from lib.row_form import RowForm
from lib.translation import Text

CHANGE = "customers.change_testclock"
MAX_SHOWN = 12
COLORS = {"standing": "success", "advancing": "info", "failed": "danger"}
STEER = {
    "try_again": (retry_advance, _("Resumed.")),
    "stay": (stop_clock, _("The clock is stopped.")),
}
STATES: dict[str, Text] = {"standing": _("stopped"), "advancing": _("advancing"), "failed": _("failed")}


class ClockForm(RowForm[TestClock]):
    class Meta:
        model = TestClock
        fields = ("name", "now")
        help_texts = {"now": _("The current time of its customers, past or future. It can only move forward.")}
        labels = {"now": _("Time (UTC)")}


class AdvanceForm(StaffForm):
    to = forms.SplitDateTimeField(label=_("To (UTC)"))


class AdvanceClock(ConfirmedAction[TestClock]):
    label = verb = _("Advance")
    icon, variant = "fast_forward", ActionVariant.PRIMARY
    permission = CHANGE
    refusals = (CannotAdvance,)
    refusal_field = "to"

    def make_form(self, clock: TestClock) -> forms.Form:
        return AdvanceForm(self.posted, initial={"to": _later(clock.now)})

    def preview(self, clock: TestClock) -> Preview:
        due = next_due_at(clock.pk, after=clock.now)
        return Preview(
            title=gettext("Advance %(clock)s") % {"clock": clock},
            consequences=[
                gettext("The clock shows %(time)s.") % {"time": _time_text(clock.now)},
                *([gettext("The next event is due at %(time)s.") % {"time": _time_text(due)}] if due else []),
                gettext(
                    "Everything due until then happens in order: trials end, periods are invoiced, credits expire,"
                    " wallets are topped up. The clock can't go back."
                ),
            ],
            problems=[gettext("The clock is already advancing to %(time)s.") % {"time": _time_text(clock.target)}]
            if clock.target
            else [],
        )

    def run(self, clock: TestClock) -> Response:
        start_advance(clock_id=clock.pk, to=self.choices["to"], by=self.user, at=timezone.now())
        wake()
        return self.go()


@admin.register(TestClock)
class ClockAdmin(StaffAdmin):
    seller_paths = OF_NO_SELLER
    allows = ("add", "change")
    form = ClockForm
    list_display = ("name", "time", "state_shown", "customers_shown", "created_by")
    list_select_related = ("created_by",)
    search_fields = ("name",)
    fixed_fields = ("now",)
    actions_detail = ("advance",)
    further_pages = (
        ("<int:clock_id>/progress/", "progress", "customers_testclock_progress"),
        ("<int:clock_id>/steer/<slug:how>/", "steer", "customers_testclock_steer"),
    )

    advance = AdvanceClock.as_action()
    change_form_outer_before_template = "staff/simulation/test_clock.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TestClock]:
        clocks: QuerySet[TestClock] = super().get_queryset(request).annotate(customers_count=Count("customers"))
        return clocks

    def save_model(self, request: HttpRequest, obj: TestClock, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = staff_user(request)
        obj.save(update_fields=["name"] if change else None)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"now": timezone.now().replace(second=0, microsecond=0)}

    empty_text = _(
        "A test clock moves sandbox customers through time. Add one, or clone a customer into the sandbox."
    )

    time = column(_("Time"), lambda clock: _time_text(clock.now), ordering="now")
    state_shown = column(_("State"), lambda clock: (clock.state, STATES[clock.state]), label=COLORS)

    customers_shown = column(
        _("Customers"), lambda clock: format_number(clock.customers_count), ordering="customers_count"
    )

    # The page of a clock --------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, clock: TestClock) -> dict[str, Any]:
        return _facts(request, clock)

    def progress(self, request: HttpRequest, clock_id: int) -> HttpResponse:
        """
        Return the part of the page that changes while the clock advances; once it stops or fails, reload the whole
        page.
        """
        clock = self.find(request, str(clock_id))
        answer = TemplateResponse(request, "staff/simulation/test_clock_progress.html", _facts(request, clock))
        if clock.state != "advancing":
            answer["HX-Refresh"] = "true"
        return answer

    def steer(self, request: HttpRequest, clock_id: int, how: str) -> HttpResponse:
        """Retry, stop, or advance to one of the times that the page offers."""
        require(request, CHANGE)
        clock = self.find(request, str(clock_id))
        if request.method == "POST":
            try:
                self._steer(request, clock, how)
            except CannotAdvance as refused:
                messages.error(request, str(refused))
        return HttpResponseRedirect(page_url(clock))

    def _steer(self, request: HttpRequest, clock: TestClock, action: str) -> None:
        at = timezone.now()
        if action in STEER:
            operation, message = STEER[action]
            operation(clock_id=clock.pk, by=staff_user(request), at=at)
            messages.success(request, str(message))
        else:
            choices = {code: to for code, _, to in _choices(clock)}
            if action not in choices:
                raise Http404(f"There is no clock control {action}.")
            start_advance(clock_id=clock.pk, to=choices[action], by=staff_user(request), at=at)
        wake()


def _facts(request: HttpRequest, clock: TestClock) -> dict[str, Any]:
    invoices = Invoice.objects.filter(customer__test_clock=clock).select_related("customer").order_by("-pk")
    return {
        "clock": clock,
        "percent": _percent(clock),
        "choices": [] if clock.target else _choices(clock),
        "may_advance": request.user.has_perm(CHANGE),
        "members": list(clock.customers.order_by("legal_name")[:MAX_SHOWN]),
        "documents": invoices[:MAX_SHOWN],
        "documents_count": invoices.count(),
        "due": next_due_at(clock.pk, after=clock.now),
    }


def _percent(clock: TestClock) -> int:
    if clock.target is None or clock.set_off_from is None:
        return 100
    return int(100 * ((clock.now - clock.set_off_from) / (clock.target - clock.set_off_from)))


def _choices(clock: TestClock) -> list[tuple[str, str, datetime]]:
    """Return the times a clock can be advanced to by one click: code, label, time."""
    choices = [
        ("day", gettext("One day"), clock.now + timedelta(days=1)),
        ("month", gettext("One month"), _later(clock.now)),
    ]
    open_periods = Period.objects.filter(subscription__customer__test_clock=clock, state=PeriodState.OPEN)
    next_due = open_periods.filter(due_at__gt=clock.now).order_by("due_at").values_list("due_at", flat=True).first()
    return [*choices, ("period", gettext("To the next invoice"), next_due)] if next_due else choices


def _later(now: datetime) -> datetime:
    """Return the same time a month later, or the last day of that month."""
    first = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = ((first + timedelta(days=32)).replace(day=1) - timedelta(days=1)).day
    return first.replace(day=min(now.day, last))


def wake() -> None:
    """Wake a worker to advance clocks now."""
    with suppress(OperationalError):  # without a broker, beat advances it within ten seconds
        advance_clocks.delay()


def _time_text(moment: datetime) -> str:
    return f"{date_format(moment, 'DATETIME_FORMAT')} UTC"
