"""The dashboard. Every figure links to its rows, and none scans a whole table."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db.models import Case, DecimalField, F, Model, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.models import ApprovalRequest, ApprovalRule
from access.models.approvals import ApprovalKind, ApprovalState
from billing.admin import finance_home
from billing.admin.closing.late_usage import newest_late, totals_shown
from billing.admin.figure_cache import read_cached
from billing.admin.metering.unmatched_usage import newest_stakes, stakes_shown
from billing.metering.usage.usage_summary import Day, read_all_usage_by_day
from billing.models import Alert, Job, Period, PlanMigration, UnmatchedUsage
from billing.models.jobs import OPEN_STATES, JobState
from billing.revenue.finance_home.tasks import RECENTLY
from customers.models import Delivery, WebhookEndpoint
from customers.models.notifications import DeliveryState
from customers.models.webhook_endpoints import DisabledReason
from invoices.models import DocumentKind, Invoice, Rendering
from invoices.models.invoices import InvoiceState
from lib.admin import allowed_seller_ids, page_url, require
from lib.admin.charts import ChartSeries, MeterChart, bar_chart
from lib.formats import format_money, format_number, format_units
from plans.models import Meter
from wallets.models import Wallet

# Counting stops here and the page shows "1,000+", so that a large table doesn't slow the first page of all.
MAX_COUNTED = 1_000
LATEST = 8
DAYS = 30
FRESH_SECONDS = 60
"""Cache time of figures that sum a month."""
# The charts read a month of hourly usage of all customers, so visits within five minutes share one reading.
CHART_SECONDS = 300
MAX_METERS = 4
UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Card:
    """A figure with a link to its rows."""

    name: str
    figures: list[str]
    note: str
    url: str
    color: str = ""


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """
    Add the home page to the context of the admin's index page: that of finance, or the dashboard of the other groups,
    limited to the figures that the user may see.
    """
    if allowed_seller_ids(request) is not None:
        # The figures add up all sellers; a restricted user's lists show those of their own.
        return context | {"title": _("Home"), "searches": True, "cards": [], "is_restricted": True}
    if finance_home.may_see(request.user):
        return context | {"is_finance": True} | finance_home.context(request)
    return context | {"title": _("Home"), "searches": True} | _dashboard(request) | _work(request)


def details(request: HttpRequest) -> HttpResponse:
    """Return the dashboard as a part of the finance home, which loads it when the system's health is opened."""
    require(request, "billing.view_period")
    return TemplateResponse(request, "staff/finance/health.html", _dashboard(request))


def _dashboard(request: HttpRequest) -> dict[str, Any]:
    cards: list[Card] = []
    at = timezone.now()
    context: dict[str, Any] = {}
    if request.user.has_perm("invoices.view_invoice"):
        cards += [_invoiced(at), _unmade_files()]
        context["latest"] = list(Invoice.objects.select_related("customer").order_by("-pk")[:LATEST])
    if request.user.has_perm("billing.view_period"):
        cards[1:1] = [_due(at), _failed(), _unmatched(), *_late()]
    if request.user.has_perm("wallets.view_wallet"):
        cards += _negative_balances()
    if request.user.has_perm("customers.view_delivery"):
        cards += _failed_deliveries()
    if request.user.has_perm("billing.view_alert"):
        cards += _alerts(at)
    if request.user.has_perm("access.view_approvalrequest"):
        cards += _approvals(request.user)
    return context | {"cards": cards}


def _work(request: HttpRequest) -> dict[str, Any]:
    """Return the migrations and jobs for those who run them, and unmatched usage by its reason."""
    work: dict[str, Any] = {}
    if request.user.has_perm("billing.run_planmigration"):
        migrations = PlanMigration.objects.filter(sandbox=False).select_related("version__plan")
        work["migrations"] = migrations.order_by("-pk")[:LATEST]
    if request.user.has_perm("billing.import_event"):
        at = timezone.now()
        unfinished = Q(state__in=OPEN_STATES) | Q(state=JobState.FAILED, created_at__gte=at - RECENTLY)
        work["jobs"] = Job.objects.filter(unfinished).order_by("-pk")[:LATEST]
    if request.user.has_perm("billing.change_unmatchedusage"):
        work["unmatched"] = stakes_shown(newest_stakes())
    return work


def usage_chart(request: HttpRequest) -> HttpResponse:
    """Return the usage chart. The page loads it separately, because it is the only figure that sums many rows."""
    require(request, "billing.view_period")
    shown = read_cached("staff:usage", CHART_SECONDS, _usage)
    return TemplateResponse(request, "staff/dashboard_usage.html", shown)


def _invoiced(at: datetime) -> Card:
    """Return the amount invoiced this month, compared with the same days of the month before."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    previous_month = (start - timedelta(days=1)).replace(day=1)
    previous_until = min(previous_month + (at - start), start)
    current, earlier = read_cached(
        "staff:invoiced", FRESH_SECONDS, lambda: (_net(start, at), _net(previous_month, previous_until))
    )
    return Card(
        name=_("Invoiced this month, net"),
        figures=[format_money(amount, currency) for currency, amount in current] or [_("none yet")],
        note=_("%(amounts)s by this day last month") % {"amounts": _list_amounts(earlier)} if earlier else "",
        url=f"{reverse('admin:invoices_invoice_changelist')}?issue_date_from={start:%Y-%m-%d}&sandbox__exact=0",
    )


def _net(since: datetime, until: datetime) -> list[tuple[str, Decimal]]:
    issued = Coalesce("issued_at", "created_at")  # the same expression as the index by time
    signed_net = Case(
        When(kind=DocumentKind.CREDIT_NOTE, then=-F("net")), default=F("net"), output_field=DecimalField()
    )
    totals = (
        Invoice.objects.annotate(time=issued)
        .filter(time__gte=since, time__lt=until, sandbox=False)
        .exclude(state=InvoiceState.DRAFT)
        .values_list("currency")
        .annotate(signed_sum=Sum(signed_net))
        .order_by("currency")
    )
    return [(str(currency), amount) for currency, amount in totals]


def _list_amounts(amounts: Iterable[tuple[str, Decimal]]) -> str:
    return get_text_list([format_money(amount, currency) for currency, amount in amounts], _("and"))


def _approvals(user: Any) -> list[Card]:
    """
    Return the number of requests waiting for approval; or else a hint that no approval of prices is required although
    two people could publish.
    """
    waiting = ApprovalRequest.objects.filter(state=ApprovalState.WAITING)
    if waiting.exists():
        url = f"{reverse('admin:access_approvalrequest_changelist')}?state__exact=waiting"
        return [Card(_("Requests to approve"), [_count(waiting)], _("Waiting for a second person"), url, "warn")]
    rule = ApprovalRule.objects.get(kind=ApprovalKind.PRICE_CHANGES)
    if not user.has_perm("access.change_approvalrule") or rule.is_required:
        return []
    publishers = get_user_model().objects.filter(is_active=True, groups__permissions__codename="publish_planversion")
    if publishers.distinct()[:2].count() < 2:
        return []
    text = _("One person can publish prices")
    return [Card(_("Price approval"), [_("not required")], text, page_url(rule))]


def _failed_deliveries() -> list[Card]:
    """Return the number of failed deliveries, and of endpoints disabled because of them."""
    failed = Delivery.objects.filter(state=DeliveryState.FAILED)
    disabled = WebhookEndpoint.objects.filter(disabled_reason__in=[DisabledReason.GONE, DisabledReason.FAILING])[
        :MAX_COUNTED
    ].count()
    if not disabled and not failed.exists():
        return []
    if disabled:
        note = ngettext("%(count)s endpoint was disabled", "%(count)s endpoints were disabled", disabled) % {
            "count": format_number(disabled)
        }
    else:
        note = _("Retried for three days")
    url = f"{reverse('admin:customers_delivery_changelist')}?state__exact=failed"
    if disabled and not failed.exists():
        url = reverse("admin:customers_webhookendpoint_changelist")
    return [Card(_("Failed webhooks and emails"), [_count(failed)], note, url, "danger" if disabled else "warn")]


def _due(at: datetime) -> Card:
    due = Period.objects.filter(state="open", due_at__lte=at, error="")
    return Card(
        _("Ready to invoice"),
        [_count(due)],
        _("Past the grace period"),
        f"{reverse('admin:billing_period_changelist')}?status=due",
    )


def _failed() -> Card:
    count = _count(Period.objects.failed())
    url = f"{reverse('admin:billing_period_changelist')}?status=failed"
    return Card(_("Invoicing failed"), [count], _("Retried automatically"), url, "bad" if count != "0" else "")


def _unmatched() -> Card:
    count = _count(UnmatchedUsage.objects.outstanding().filter(sandbox=False))
    amounts = newest_stakes().amounts if count != "0" else {}
    value = _list_amounts(sorted(amounts.items()))
    note = _("Stored, not billed; worth about %(amounts)s") % {"amounts": value} if value else _("Stored, not billed")
    url = reverse("admin:billing_unmatchedusage_changelist")
    return Card(_("Unmatched usage"), [count], note, url, "warn" if count != "0" else "")


def _late() -> list[Card]:
    """Return the amounts of late usage; no card if there is none."""
    totals = totals_shown(newest_late())
    if not totals:
        return []
    url = f"{reverse('admin:billing_period_changelist')}?status=late"
    figures = [row["amounts"] or _("unknown") for row in totals]
    return [Card(_("Late usage"), figures, ", ".join(row["policy"] for row in totals).capitalize(), url)]


def _negative_balances() -> list[Card]:
    """Return the number of wallets with a negative balance; no card if there is none."""
    count = _count(Wallet.objects.filter(debt__gt=0, customer__sandbox=False))
    url = f"{reverse('admin:wallets_wallet_changelist')}?stands=owes"
    if count == "0":
        return []
    return [Card(_("Negative balances"), [count], _("Settled by the next top-up or grant"), url, "warn")]


def _alerts(at: datetime) -> list[Card]:
    """Return the number of open alerts without acknowledgment; no card if there is none."""
    count = _count(Alert.objects.open(at).worst().filter(acknowledged_at__isnull=True, customer__sandbox=False))
    url = f"{reverse('admin:billing_alert_changelist')}?stands=unseen"
    return [Card(_("Open alerts"), [count], _("Customers notified; not yet reviewed"), url)] if count != "0" else []


def _unmade_files() -> Card:
    count = _count(Rendering.objects.filter(content__isnull=True))
    url = f"{reverse('admin:invoices_invoice_changelist')}?file=failed"
    return Card(_("Failed PDFs"), [count], _("See the invoice for the reason"), url, "bad" if count != "0" else "")


def _count(rows: QuerySet[Model]) -> str:
    """Count up to a thousand rows."""
    count = rows.order_by()[: MAX_COUNTED + 1].count()
    return f"{format_number(MAX_COUNTED)}+" if count > MAX_COUNTED else format_number(count)


def _usage() -> dict[str, Any]:
    """Return a chart for each of the busiest meters: their units differ, so they can't share an axis."""
    now = timezone.now()
    today = now.astimezone(UTC).date()
    since = datetime.combine(today, time.min, UTC) - timedelta(days=DAYS - 1)
    days_by_meter: dict[int, list[Day]] = defaultdict(list)
    for day in read_all_usage_by_day(since=since, zone=UTC):
        days_by_meter[day.meter_id].append(day)
    meters = Meter.objects.in_bulk(days_by_meter)
    busiest = sorted(days_by_meter, key=lambda meter: -sum(day.tally.events for day in days_by_meter[meter]))[
        :MAX_METERS
    ]
    return {
        "charts": [
            _chart(meters[meter_id], days_by_meter[meter_id], today) for meter_id in busiest if meter_id in meters
        ],
        "at": now,
    }


def _chart(meter: Meter, days: list[Day], today: date) -> MeterChart:
    totals = {day.day: day.tally.total for day in days}
    labels = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    quantities = [totals.get(label, Decimal(0)) for label in labels]
    total = sum(quantities, Decimal(0))
    summary = _("%(meter)s by day, last %(days)s days: %(total)s in total") % {
        "meter": meter.name,
        "days": DAYS,
        "total": format_units(total, meter.unit),
    }
    chart = bar_chart(
        [date_format(label, "j M") for label in labels], [ChartSeries(meter.name, quantities)], summary=summary
    )
    return MeterChart(meter.name, format_units(quantities[-1], meter.unit), format_number(total), chart)
