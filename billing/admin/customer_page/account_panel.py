"""What a customer's page shows beside the address: usage, cost so far, documents, subscriptions, what is unmatched."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from billing.admin.closing.late_usage import of_customer
from billing.admin.limits.alerts import alerts_of
from billing.closing.commitments.progress import CommitmentProgress, read_commitment_progress
from billing.metering.ingest.state_updates import HOURLY_AGGREGATIONS
from billing.metering.usage.current_usage import PeriodUsage, current_usage
from billing.metering.usage.usage_summary import ADDING, Day, by_day, by_dimension, quantity_of
from billing.models import Subscription, UnmatchedUsage
from customers.models import Customer
from invoices.models import Invoice
from lib.admin.charts import ChartSeries, MeterChart, line_chart
from lib.formats import format_money, format_number, format_units, pluralize
from plans.models import Meter
from wallets.ledger.balances import EMPTY_BALANCES, read_balances
from wallets.statements.formats import shown

MOST_CHARTS = 4
MOST_SHARES = 30
MOST_ROWS = 8
MOST_UNMATCHED = 100
CHARTED = (*ADDING, *HOURLY_AGGREGATIONS)


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A feature in a running period, as text. drawn: what a wallet was asked for, where one pays."""

    name: str
    used: str
    included: str
    cost: str
    projected: str
    used_percent: int | None
    drawn: str = ""
    has_cost: bool = True


@dataclass(frozen=True, slots=True)
class PeriodPanel:
    """A running period: what it is, what was used in it, and what that costs so far."""

    subscription: str
    plan: str
    span: str
    until: datetime
    rows: list[FeatureRow]
    cost: str
    projected: str
    promised: "PromiseShown | None" = None


@dataclass(frozen=True, slots=True)
class PromiseShown:
    """How far a minimum commitment is reached, as text; percent of it."""

    promised: str
    reached: str
    missing: str
    until: datetime
    percent: int


def account(customer: Customer, *, at: datetime) -> dict[str, Any]:
    """Return what the page shows, in a fixed number of queries whatever the customer used."""
    running = current_usage(customer=customer.external_id, sandbox=customer.sandbox, at=at)
    promised = read_commitment_progress(running)
    unmatched = UnmatchedUsage.objects.filter(customer_ref=customer.external_id, resolved_at__isnull=True)
    meters = {meter.pk: meter for meter in Meter.objects.all()} if running else {}
    return {
        "periods": [panel(one, customer, promised.get(one.period_id)) for one in running],
        "charts": _charts(customer, running, meters, at=at),
        "uncharted": _uncharted(running, meters),
        "shares": _shares(running, meters),
        "subscriptions": _subscriptions(customer),
        "wallets": _wallets(customer, at=at),
        "invoices": list(Invoice.objects.filter(customer=customer).order_by("-pk")[:MOST_ROWS]),
        "alerts": alerts_of(customer),
        "late": of_customer(customer),
        "unmatched": unmatched.filter(sandbox=customer.sandbox)[:MOST_UNMATCHED].count(),
        "most_unmatched": MOST_UNMATCHED,
    }


def panel(one: PeriodUsage, customer: Customer, promised: CommitmentProgress | None) -> PeriodPanel:
    currency, terms = one.terms.currency, one.terms
    zone = ZoneInfo(customer.time_zone)
    first, last = one.starts_at.astimezone(zone), (one.ends_at - timedelta(microseconds=1)).astimezone(zone)
    trial = f"trial, usage is {terms.trial}, " if terms.trial else ""
    return PeriodPanel(
        subscription=one.subscription,
        plan=f"{terms.plan_name} v{terms.version_number}",
        span=f"{trial}{date_format(first.date())} – {date_format(last.date())}",
        until=one.ends_at,
        rows=[
            FeatureRow(
                name=feature.terms.name,
                used=format_units(feature.used, feature.terms.unit),
                included=format_number(feature.terms.included) if feature.terms.included else "",
                cost=format_money(feature.cost, currency),
                projected=format_money(feature.projected, currency),
                used_percent=_percent(feature.used, feature.terms.included),
                drawn=format_money(feature.drawn, feature.terms.wallet) if feature.drawn is not None else "",
                has_cost=bool(feature.cost),
            )
            for feature in one.features
        ],
        cost=format_money(one.cost, currency),
        projected=format_money(one.projected, currency),
        promised=promise_shown(promised, currency) if promised else None,
    )


def promise_shown(found: CommitmentProgress, currency: str) -> PromiseShown:
    figures = (format_money(one, currency) for one in (found.promised, found.reached, found.missing))
    return PromiseShown(*figures, found.ends_at, _percent(found.reached, found.promised) or 0)


def _percent(used: Decimal, included: Decimal) -> int | None:
    return min(100, int(used * 100 / included)) if included else None


def _subscriptions(customer: Customer) -> list[Subscription]:
    found = Subscription.objects.filter(customer=customer).select_related("version__plan")
    return list(found.order_by("-pk")[:MOST_ROWS])


def _wallets(customer: Customer, *, at: datetime) -> list[dict[str, Any]]:
    """Return the customer's wallets as text, in the order in which they are taken; the closed ones are left out."""
    found = customer.wallets.filter(closed_at__isnull=True).order_by("priority", "pk")[:MOST_ROWS]
    standing = read_balances([one.pk for one in found], at=at)
    return [
        {
            "pk": one.pk,
            "name": one.name,
            "balance": shown(one.balance, one.unit),
            "debt": shown(one.debt, one.unit) if one.debt else "",
            "next_expiry": standing.get(one.pk, EMPTY_BALANCES).next_expiry,
            "expiring": shown(standing.get(one.pk, EMPTY_BALANCES).expiring, one.unit),
        }
        for one in found
    ]


def _charts(
    customer: Customer, running: Sequence[PeriodUsage], meters: dict[int, Meter], *, at: datetime
) -> list[MeterChart]:
    """Return a chart for each of the busiest meters: this period's days over those of the time before it."""
    if not running:
        return []
    zone = ZoneInfo(customer.time_zone)
    start = min(one.starts_at for one in running).astimezone(zone).date()
    last = max(one.ends_at for one in running) - timedelta(microseconds=1)
    end = last.astimezone(zone).date() + timedelta(days=1)
    before = start - (end - start)
    since, until = (datetime.combine(day, time.min, zone) for day in (before, end))
    of_meter: dict[int, list[Day]] = defaultdict(list)
    for day in by_day(customer_id=customer.pk, since=since, until=until, zone=zone):
        of_meter[day.meter_id].append(day)
    busiest = sorted(of_meter.items(), key=lambda pair: -sum(day.tally.events for day in pair[1]))[:MOST_CHARTS]
    today = at.astimezone(zone).date()
    return [_chart(meters[meter], used, start, end, today=today) for meter, used in busiest if meter in meters]


def _chart(meter: Meter, used: list[Day], start: date, end: date, *, today: date) -> MeterChart:
    """Return this period's days, each with what the meter makes of it, over those of as long a time before it."""
    length = (end - start).days
    now = [start + timedelta(days=one) for one in range(length)]
    counted = {day.day: quantity_of(meter.aggregation, [day]) for day in used}
    nothing = Decimal(0) if meter.aggregation in ADDING else None  # a day without a level is not one of zero
    drawn = [counted.get(day, nothing) if day <= today else None for day in now]
    earlier = [counted.get(day - timedelta(days=length), nothing) for day in now]
    total = quantity_of(meter.aggregation, (day for day in used if day.day >= start))
    total_before = quantity_of(meter.aggregation, (day for day in used if day.day < start))
    summary = (
        f"{meter.name} by day: {format_units(total, meter.unit)} this period, {format_number(total_before)} before it"
    )
    series = [ChartSeries("this period", drawn), ChartSeries("the time before", earlier, faint=True)]
    what = "" if meter.aggregation in ADDING else f", {meter.get_aggregation_display()}"
    return MeterChart(
        name=f"{meter.name}{what}",
        now=format_units(total, meter.unit),
        before=format_number(total_before),
        chart=line_chart([f"{day:%-d %b}" for day in now], series, summary=summary),
    )


def _uncharted(running: Sequence[PeriodUsage], meters: dict[int, Meter]) -> str:
    """Return the names of the meters whose quantity is told for a whole period only."""
    metered = {feature.terms.meter_id for one in running for feature in one.features}
    return ", ".join(
        meter.name for id_, meter in meters.items() if id_ in metered and meter.aggregation not in CHARTED
    )


def _shares(running: Sequence[PeriodUsage], meters: dict[int, Meter]) -> list[dict[str, Any]]:
    """Return the running periods' usage by meter and dimension, the largest values first."""
    grouped: dict[tuple[int, str], list[tuple[str, str]]] = defaultdict(list)
    for share in by_dimension(period_ids=[one.period_id for one in running], count=MOST_SHARES):
        if share.meter_id in meters:
            grouped[share.meter_id, share.dimension].append((share.value, format_number(share.quantity)))
    return [
        {"meter": meters[meter].name, "unit": pluralize(meters[meter].unit), "dimension": dimension, "rows": rows}
        for (meter, dimension), rows in grouped.items()
    ]
