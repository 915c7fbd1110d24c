"""The panels of the customer page: usage, cost so far, invoices, subscriptions, and unmatched usage."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from billing.admin.closing.late_usage import late_periods_of
from billing.admin.closing.service_days import days
from billing.admin.customer_page.header import read_header
from billing.admin.customer_page.tabs import CustomerTab
from billing.admin.customer_page.timeline import read_timeline
from billing.admin.limits.alerts import alerts_of
from billing.admin.subscriptions.coupons import customer_coupons
from billing.closing.commitments.progress import read_commitment_progress
from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from billing.metering.usage.current_usage import PeriodUsage, current_usage
from billing.metering.usage.usage_summary import ADDING, Day, combine_days, read_largest_shares, read_usage_by_day
from billing.models import Subscription, UnmatchedUsage
from customers.models import Customer
from invoices.models import Invoice
from lib.admin import allowed_seller_ids
from lib.admin.charts import ChartSeries, MeterChart, line_chart
from lib.formats import format_number, format_units, pluralize
from plans.catalog.stored_terms import metering_terms
from plans.models import Meter
from wallets.ledger.balances import EMPTY_BALANCES, WalletBalances, read_balances
from wallets.models import Wallet

# The panel is one screen among others: each list links to its full page, and counts stop at MAX_UNMATCHED.
MAX_CHARTS = 4
MAX_SHARES = 30
MAX_ROWS = 8
MAX_INVOICES = 25
MAX_UNMATCHED = 100
CHARTED = (*ADDING, *HOURLY_AGGREGATIONS)


def account(request: HttpRequest, customer: Customer, *, tab: CustomerTab, at: datetime) -> dict[str, Any]:
    """
    Return the context of a tab of the customer page, in a fixed number of queries.

    Of a customer of other sellers too, users who are restricted to some sellers see only lists of these sellers'
    rows, because usage, coupons and alerts concern the whole customer.
    """
    seller_ids = allowed_seller_ids(request)
    if seller_ids is not None and _has_other_sellers(customer, seller_ids):
        return {
            "figures": read_header(request, customer, [], at=at),
            **_read_rows(customer, tab, at, seller_ids),
        }
    running = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at)
    context = {
        "figures": read_header(request, customer, running, at=at),
        **_read_rows(customer, tab, at, None),
    }
    if tab == CustomerTab.OVERVIEW:
        progress_by_period = read_commitment_progress(running)
        context |= {
            "periods": [
                (usage, _span(usage, customer), progress_by_period.get(usage.period_id)) for usage in running
            ],
            "alerts": alerts_of(customer),
        }
    if tab in {CustomerTab.OVERVIEW, CustomerTab.USAGE}:
        unmatched = UnmatchedUsage.objects.outstanding().filter(customer_ref=customer.external_id)
        context |= {
            "late": late_periods_of(customer),
            "unmatched": unmatched.filter(sandbox=customer.sandbox)[:MAX_UNMATCHED].count(),
            "most_unmatched": MAX_UNMATCHED,
        }
    if tab == CustomerTab.USAGE and running:
        meters = {meter.pk: meter for meter in Meter.objects.all()}
        context |= {
            "charts": _charts(customer, running, meters, at=at),
            "uncharted": _uncharted(running, meters),
            "shares": _shares(running, meters),
        }
    if tab == CustomerTab.TERMS:
        context["coupons"] = customer_coupons(customer, at=at)
    return context


def _read_rows(
    customer: Customer, tab: CustomerTab, at: datetime, seller_ids: Collection[int] | None
) -> dict[str, Any]:
    """Return the lists of a tab that each seller's users may see in part."""
    of_sellers = {} if seller_ids is None else {"seller__in": seller_ids}
    context: dict[str, Any] = {}
    if tab in {CustomerTab.OVERVIEW, CustomerTab.INVOICES}:
        most = MAX_ROWS if tab == CustomerTab.OVERVIEW else MAX_INVOICES
        context["invoices"] = list(Invoice.objects.filter(customer=customer, **of_sellers).order_by("-pk")[:most])
    if tab in {CustomerTab.OVERVIEW, CustomerTab.TERMS}:
        context["subscriptions"] = _subscriptions(customer, **of_sellers)
    if tab in {CustomerTab.OVERVIEW, CustomerTab.WALLET}:
        context["wallets"] = _wallets(customer, at=at, **of_sellers)
    if tab in {CustomerTab.OVERVIEW, CustomerTab.ACTIVITY}:
        context["timeline"] = read_timeline(customer, at=at, seller_ids=seller_ids)
    return context


def _has_other_sellers(customer: Customer, seller_ids: Collection[int]) -> bool:
    rows: tuple[QuerySet[Any], ...] = (
        Subscription.objects.filter(customer=customer),
        Wallet.objects.filter(customer=customer),
        Invoice.objects.filter(customer=customer),
    )
    return customer.seller_id not in seller_ids or any(
        queryset.exclude(seller__in=seller_ids).exists() for queryset in rows
    )


def _span(usage: PeriodUsage, customer: Customer) -> str:
    """Return the days of a running period, and whether it is a trial."""
    dates = days(usage.starts_at, usage.ends_at, ZoneInfo(customer.time_zone))
    if not usage.terms.trial:
        return dates
    return _("trial (usage: %(usage)s), %(dates)s") % {"usage": usage.terms.trial, "dates": dates}


def _subscriptions(customer: Customer, **conditions: Any) -> list[Subscription]:
    subscriptions = Subscription.objects.filter(customer=customer, **conditions).select_related("version__plan")
    return list(subscriptions.order_by("-pk")[:MAX_ROWS])


def _wallets(customer: Customer, *, at: datetime, **conditions: Any) -> list[tuple[Wallet, WalletBalances]]:
    """Return the customer's open wallets with their balances, in the order in which they pay."""
    wallets = customer.wallets.filter(closed_at__isnull=True, **conditions).order_by("priority", "pk")[:MAX_ROWS]
    balances = read_balances([wallet.pk for wallet in wallets], at=at)
    return [(wallet, balances.get(wallet.pk, EMPTY_BALANCES)) for wallet in wallets]


def _charts(
    customer: Customer, running: Sequence[PeriodUsage], meters: dict[int, Meter], *, at: datetime
) -> list[MeterChart]:
    """
    Return a chart for each of the busiest meters: the days of this period and as many before it.

    This period has the usage that the running periods counted, as in the portal: they share their first day with the
    periods before them.
    """
    if not running:
        return []
    zone = ZoneInfo(customer.time_zone)
    start = min(usage.starts_at for usage in running).astimezone(zone).date()
    last = max(usage.ends_at for usage in running) - timedelta(microseconds=1)
    end = last.astimezone(zone).date() + timedelta(days=1)
    previous_start = start - (end - start)
    since, middle, until = (datetime.combine(day, time.min, zone) for day in (previous_start, start, end))
    ids = [usage.period_id for usage in running]
    current = read_usage_by_day(customer_id=customer.pk, since=middle, until=until, zone=zone, period_ids=ids)
    earlier = read_usage_by_day(customer_id=customer.pk, since=since, until=middle, zone=zone)
    days_by_meter: dict[int, list[Day]] = defaultdict(list)
    for day in [*earlier, *current]:
        days_by_meter[day.meter_id].append(day)
    busiest = sorted(days_by_meter.items(), key=lambda pair: -sum(day.tally.events for day in pair[1]))[:MAX_CHARTS]
    today = at.astimezone(zone).date()
    return [_chart(meters[meter], used, start, end, today=today) for meter, used in busiest if meter in meters]


def _chart(meter: Meter, used: list[Day], start: date, end: date, *, today: date) -> MeterChart:
    """
    Return a chart of this period's daily quantities, with those of the same number of days before it.

    The totals compare as many days: those of this period until today.
    """
    length = (end - start).days
    period_days = [start + timedelta(days=offset) for offset in range(length)]
    aggregation = metering_terms(meter).aggregation
    quantities = {day.day: combine_days(aggregation, [day]) for day in used}
    nothing = Decimal(0) if aggregation in ADDING else None  # a day without a reading has no level, rather than zero
    current = [quantities.get(day, nothing) if day <= today else None for day in period_days]
    earlier = [quantities.get(day - timedelta(days=length), nothing) for day in period_days]
    total = combine_days(aggregation, (day for day in used if day.day >= start))
    same_day = min(today, end) - timedelta(days=length)
    total_before = combine_days(aggregation, (day for day in used if day.day < start and day.day <= same_day))
    summary = _("%(meter)s by day: %(now)s this period, %(before)s in the same days before") % {
        "meter": meter.name,
        "now": format_units(total, meter.unit),
        "before": format_number(total_before),
    }
    series = [ChartSeries(_("this period"), current), ChartSeries(_("previous period"), earlier, faint=True)]
    kind = "" if aggregation in ADDING else f", {meter.get_aggregation_display()}"
    return MeterChart(
        name=f"{meter.name}{kind}",
        now=format_units(total, meter.unit),
        before=format_number(total_before),
        chart=line_chart([date_format(day, "j M") for day in period_days], series, summary=summary),
    )


def _uncharted(running: Sequence[PeriodUsage], meters: dict[int, Meter]) -> str:
    """Return the names of the meters that have a quantity for whole periods only."""
    metered = {feature.terms.meter_id for usage in running for feature in usage.features}
    return ", ".join(
        meter.name for id_, meter in meters.items() if id_ in metered and meter.aggregation not in CHARTED
    )


def _shares(running: Sequence[PeriodUsage], meters: dict[int, Meter]) -> list[dict[str, Any]]:
    """Return the running periods' usage by meter and dimension, the largest values first."""
    rows_by_dimension: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    for share in read_largest_shares(period_ids=[usage.period_id for usage in running], count=MAX_SHARES):
        if share.meter_id in meters:
            rows_by_dimension[share.meter_id, share.dimension].append((share.value, format_number(share.quantity)))
    return [
        {"meter": meters[meter].name, "unit": pluralize(meters[meter].unit), "dimension": dimension, "rows": rows}
        for (meter, dimension), rows in rows_by_dimension.items()
    ]
