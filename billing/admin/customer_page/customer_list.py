"""
The list of customers: plan, health, balance due and last invoice of each.

All of it is read from rows that closing, settlement and alerts keep, in a fixed number of queries. The amount of the
running period is not among them: it would have to be rated while somebody waits.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum, TextChoices
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from billing.admin.customer_page.bulk_actions import (
    ChangeTagsOfMany,
    EmailPortalLinks,
    GiveCouponToMany,
    MigrateSelection,
)
from billing.models import Alert, Subscription
from billing.models.alerts import AlertKind
from billing.models.subscriptions import RUNNING_STATES, SubscriptionState
from customers.admin.customers import CustomerAdmin
from customers.customer_time import loaded_current_time
from customers.models import Customer
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import AMOUNT_DUE, OPEN_INVOICES, InvoiceState
from lib.admin import allowed_seller_ids, limit_to_sellers, link_to
from lib.admin.columns import column
from lib.admin.number_fields import number_cell
from lib.decimals import EXACT, ZERO
from lib.formats import format_money

NEAR_LIMIT = 75
"""Percent of a limit from which a customer is near it."""

_COUNTED = (*RUNNING_STATES, SubscriptionState.PAUSED, SubscriptionState.CANCELED)
_LIMITS = (AlertKind.ALLOWANCE, AlertKind.CAP, AlertKind.SPEND)


class CustomerHealth(TextChoices):
    """The first that applies, from the top."""

    PAST_DUE = "past_due", _("past due")
    PAUSED = "paused", _("paused")
    NEAR_LIMIT = "near_limit", _("near limit")
    NO_PLAN = "no_plan", _("no plan")
    OK = "ok", _("ok")


HEALTH_COLORS = {
    "past_due": "danger",
    "paused": "warning",
    "near_limit": "warning",
    "no_plan": "info",
    "ok": "success",
}


@dataclass(slots=True)
class CustomerSummary:
    """What list and page show of a customer. due, days_past_due: by currency, of open invoices."""

    plans: list[str] = field(default_factory=list)
    states: set[str] = field(default_factory=set)
    due: dict[str, Decimal] = field(default_factory=dict)
    days_past_due: dict[str, int] = field(default_factory=dict)
    is_near_limit: bool = False
    last_invoice: Invoice | None = None

    @property
    def health(self) -> CustomerHealth:
        if any(self.days_past_due.values()):
            return CustomerHealth.PAST_DUE
        if self.states == {SubscriptionState.PAUSED}:
            return CustomerHealth.PAUSED
        if self.is_near_limit:
            return CustomerHealth.NEAR_LIMIT
        return CustomerHealth.OK if self.states else CustomerHealth.NO_PLAN


def read_summaries(request: HttpRequest, customers: Sequence[Customer]) -> Mapping[int, CustomerSummary]:
    """Return id → summary, in five queries; of restricted users, from the rows of their sellers alone."""
    ids = [customer.pk for customer in customers]
    now_by_id = {customer.pk: loaded_current_time(customer, now=timezone.now()) for customer in customers}
    summaries: dict[int, CustomerSummary] = defaultdict(CustomerSummary)
    subscriptions = Subscription.objects.filter(customer__in=ids, state__in=_COUNTED).order_by("pk")
    plans = limit_to_sellers(request, subscriptions, "seller").values_list("customer", "state", "version__plan__name")
    for customer_id, state, plan in plans:
        summaries[customer_id].states.add(state)
        if plan not in summaries[customer_id].plans:
            summaries[customer_id].plans.append(plan)
    invoices = limit_to_sellers(
        request, Invoice.objects.filter(customer__in=ids, kind=DocumentKind.INVOICE), "seller"
    )
    unpaid = invoices.filter(state__in=OPEN_INVOICES).alias(left=AMOUNT_DUE).filter(left__gt=0).order_by()
    # Payments fall due by the calendar of the invoice's seller.
    by_account = unpaid.values_list("customer", "currency", "seller__time_zone")
    for customer_id, code, zone, due, due_since in by_account.annotate(due=Sum(AMOUNT_DUE), since=Min("due_date")):
        summary, currency = summaries[customer_id], str(code)
        days = (now_by_id[customer_id].astimezone(ZoneInfo(zone)).date() - due_since).days
        summary.due[currency] = EXACT.add(summary.due.get(currency, ZERO), due)
        summary.days_past_due[currency] = max(summary.days_past_due.get(currency, 0), days)
    for invoice in _read_last_invoices(request, ids):
        summaries[invoice.customer_id].last_invoice = invoice
    # Alerts concern the whole customer, of whom restricted users may see a part.
    if allowed_seller_ids(request) is None:
        alerts = Alert.objects.filter(
            customer__in=ids, recovered_at=None, alert_rule__kind__in=_LIMITS, threshold__gte=NEAR_LIMIT
        )
        ends = (
            alerts.order_by()
            .values_list("customer")
            .annotate(last=Max("ends_at"), endless=Count("pk", filter=Q(ends_at=None)))
        )
        for customer_id, last, endless in ends:
            summaries[customer_id].is_near_limit = bool(endless) or last > now_by_id[customer_id]
    return summaries


def _read_last_invoices(request: HttpRequest, ids: Sequence[int]) -> QuerySet[Invoice]:
    """Return the latest issued invoice of each customer; an index has each customer's invoices, the newest first."""
    own = Invoice.objects.filter(customer=OuterRef("pk"), kind=DocumentKind.INVOICE)
    issued = limit_to_sellers(request, own.exclude(state=InvoiceState.DRAFT), "seller").order_by("-pk")
    latest = Customer.objects.filter(pk__in=ids).annotate(latest=Subquery(issued.values("pk")[:1]))
    return Invoice.objects.filter(pk__in=list(latest.values_list("latest", flat=True)))


class CustomerList(CustomerAdmin):
    """A part of the customer page (config/admin_site/pages.py)."""

    give_coupon_to_many = GiveCouponToMany.as_action()
    change_tags_of_many = ChangeTagsOfMany.as_action()
    email_portal_links = EmailPortalLinks.as_action()
    migrate = MigrateSelection.as_action()

    def prepare_rows(self, request: HttpRequest, rows: Sequence[Any]) -> None:
        super().prepare_rows(request, rows)
        summaries = read_summaries(request, rows)
        for customer in rows:
            customer.summary = summaries.get(customer.pk, CustomerSummary())

    plans_shown = column(_("Plan"), lambda customer: ", ".join(customer.summary.plans))
    health_shown = column(
        _("Health"),
        lambda customer: (customer.summary.health.value, customer.summary.health.label),
        label=HEALTH_COLORS,
    )
    due_shown = column(_("Balance due"), lambda customer: _amounts(customer.summary.due))
    last_invoice_shown = column(_("Last invoice"), lambda customer: _last_invoice(customer.summary.last_invoice))


def _amounts(due: Mapping[str, Decimal]) -> str:
    texts = [format_money(amount, currency) for currency, amount in sorted(due.items()) if amount]
    return number_cell(" · ".join(texts)) if texts else ""


def _last_invoice(invoice: Invoice | None) -> str:
    if invoice is None:
        return ""
    return format_html("{} <small>{}</small>", link_to(invoice), date_format(invoice.issue_date or "", "DATE_FORMAT"))
