"""The status of a period, and filters of period lists by it."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from billing.models import Accrual, Period
from billing.models.periods import PeriodState
from customers.models import Seller
from customers.models.sellers import LateUsage as LateUsagePolicy
from lib.admin import ConditionFilter
from lib.translation import Text

# Bounds the subquery that filters the list; a person reads far fewer rows.
MAX_LISTED = 10_000


class StatusFilter(ConditionFilter):
    title = _("Status")
    parameter_name = "status"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        due = Period.objects.due(timezone.now()).order_by("due_at", "pk")
        return {
            "due": (_("ready to invoice"), Q(pk__in=_first(due))),
            "failed": (_("failed"), Q(pk__in=_first(Period.objects.failed()))),
            "open": (_("open"), Q(state=PeriodState.OPEN)),
            "closed": (_("closed"), Q(state=PeriodState.CLOSED)),
            "late": (_("late usage"), Q(pk__in=_first(Period.objects.late()))),
            "unrated": (_("revenue unknown"), Q(pk__in=Accrual.objects.failed().values("period")[:MAX_LISTED])),
        }


class SellerFilter(DropdownFilter):
    """Filter by seller. It is meant to be combined with another filter that leaves few rows."""

    title = _("Seller")
    parameter_name = "seller"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in Seller.objects.order_by("legal_name").values_list("pk", "legal_name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Period]) -> QuerySet[Period]:
        seller_id = self.value() or ""
        return queryset.filter(subscription__seller=int(seller_id)) if seller_id.isdecimal() else queryset


class LatePolicyFilter(DropdownFilter):
    """Filter periods with late usage by the seller's policy for it."""

    title = _("Late usage policy")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(policy.value, str(policy.label)) for policy in LateUsagePolicy]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Period]) -> QuerySet[Period]:
        if self.value() is None:
            return queryset
        late = Period.objects.late().filter(subscription__seller__late_usage=self.value())
        return queryset.filter(pk__in=_first(late))


def _first(periods: QuerySet[Period]) -> QuerySet[Period, Any]:
    """Return the ids of the first periods: few enough to sort, found by a partial index."""
    return periods.values("pk")[:MAX_LISTED]


def status_of(period: Period, *, at: datetime) -> tuple[str, str]:
    """Return the status of a period as (kind, text)."""
    if period.state == PeriodState.CLOSED:
        return ("late", gettext("closed, late usage")) if period.late_since else ("closed", gettext("closed"))
    if period.error:
        return "failed", gettext("failed")
    return ("due", gettext("ready to invoice")) if period.due_at <= at else ("open", gettext("open"))
