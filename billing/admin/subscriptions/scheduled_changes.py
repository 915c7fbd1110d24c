"""Subscriptions scheduled to move to another version, with dates and problems."""

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.admin.subscriptions.scheduled_dates import SOURCES, CalendarMonth, Schedule, read_day
from billing.admin.subscriptions.subscription_action import SubscriptionRowsAdmin
from billing.models import ScheduledChange
from billing.models.plan_changes import ChangeState
from billing.subscriptions.plan_changes.revocation import RevocationRefused, revoke
from billing.subscriptions.test_clock_filters import group_by_current_time
from lib.admin import Preview, Response, SelectionAction, is_allowed, require, staff_page
from lib.admin.columns import state_column
from lib.admin.sandbox_switch import shows_sandbox
from lib.admin.seller_restriction import allowed_seller_ids, narrowed_to_sellers
from lib.formats import format_number

STATE_COLORS = {"pending": "info", "done": "success", "revoked": "warning", "refused": "danger"}


class RevokeChanges(SelectionAction[ScheduledChange]):
    """Revoke the selected upcoming changes: all of them or none."""

    label, verb = _("Revoke selected changes"), _("Revoke changes")
    permission = "billing.change_scheduledchange"
    refusals = (RevocationRefused,)
    agreed_field = "confirmed"

    def select(self, queryset: QuerySet[ScheduledChange]) -> QuerySet[ScheduledChange]:
        return queryset.filter(state=ChangeState.PENDING).order_by("subscription_id")

    def preview(self, changes: list[ScheduledChange]) -> Preview:
        return Preview(
            title=gettext("Revoke scheduled changes"),
            consequences=[
                ngettext(
                    "%(count)s scheduled change is revoked.", "%(count)s scheduled changes are revoked.", len(changes)
                )
                % {"count": format_number(len(changes))},
                gettext("The subscriptions keep their present prices. This publication doesn't move them again."),
            ],
            problems=[] if changes else [gettext("None of the selected changes is still scheduled.")],
        )

    def run(self, changes: list[ScheduledChange]) -> Response:
        ids = [change.subscription_id for change in changes]
        with transaction.atomic():
            parts = group_by_current_time(ids, at=timezone.now()).items()
            count = sum(revoke(subscription_ids=ids_at_time, at=at, by=self.user) for at, ids_at_time in parts)
        text = ngettext(
            "%(count)s subscription stays on its version.", "%(count)s subscriptions stay on their versions.", count
        )
        return self.done(text % {"count": format_number(count)})


@admin.register(ScheduledChange)
class ScheduledChangeAdmin(SubscriptionRowsAdmin):
    seller_paths = ("subscription__seller",)
    list_display = ("subscription_shown", "customer", "from_version", "version", "moment", "state_shown", "problem")
    list_filter = ("state", "version")
    list_select_related = ("subscription__customer", "from_version__plan", "version__plan")
    fields = (
        "subscription_shown",
        "customer",
        "from_version",
        "version",
        "moment",
        "state",
        "problem",
        "decided_at",
    )
    actions = ("revoke_selected",)
    further_pages = (("calendar/", "calendar", "calendar"),)

    revoke_selected = RevokeChanges.as_action()

    empty_text = _("Plan changes and moves to new versions appear here until they happen.")

    state_shown = state_column(STATE_COLORS)

    @narrowed_to_sellers
    def calendar(self, request: HttpRequest) -> HttpResponse:
        """Show a month of everything that is scheduled, and the rows of one of its days."""
        require(request, "billing.view_scheduledchange")
        now = timezone.now()
        schedule = Schedule(
            sources=tuple(source for source in SOURCES if is_allowed(request, source.permission)),
            at=now,
            sandbox=shows_sandbox(request),
            seller_ids=allowed_seller_ids(request),
        )
        day = read_day(request.GET.get("day", ""))
        first = read_day(f"{request.GET.get('month', '')}-01") or (day or now.date()).replace(day=1)
        calendar = CalendarMonth(first, schedule)
        return staff_page(
            request,
            "staff/subscriptions/calendar.html",
            title=gettext("Calendar"),
            month=calendar,
            day=day,
            entries=schedule.read_day(day) if day else [],
        )
