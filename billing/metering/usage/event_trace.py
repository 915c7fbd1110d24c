"""
Trace of an event: which meters counted it and why others didn't, at which rate and tier, on which line.

It is computed, not stored: the event is attributed again by the function that ingest uses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.metering.ingest import catalog_cache
from billing.metering.ingest.catalog_cache import CachedMeter, Path, look_up, to_text
from billing.metering.ingest.event_contributions import Contribution, EventContributions, read_contributions
from billing.metering.ingest.event_reader import StoredEvent, read_by_key
from billing.metering.store.counter_store import CounterKey
from billing.metering.usage.event_price import EventPrice, find_price
from billing.metering.usage.wallet_payments import RecordedAt, WalletPayment, find_payments
from billing.models import BilledUsage, Correction, Period, SplitValue, UnmatchedUsage
from billing.models.periods import PeriodState
from billing.models.unmatched_usage import UnmatchedReason
from plans.models import Meter, PlanFeature, Rate
from plans.pricing.price_splits import listed_key, split_position


@dataclass(frozen=True, slots=True)
class LineReference:
    """An invoice line that bills an event. is_back: whether the line credits it."""

    invoice_id: int
    invoice: str
    position: int
    is_back: bool


@dataclass(frozen=True, slots=True)
class RateContribution:
    """
    The contribution of an event at one rate.

    price: the price of its units as the period stands now.
    payments: the ledger transactions that paid for it, see `find_payments`; None if no wallet pays for the feature.
    lines: where it was billed.
    waits: why it isn't billed yet.
    """

    feature: str
    rate: str
    subscription: str
    period_id: int
    starts_at: datetime
    ends_at: datetime
    quantity: Decimal
    number: int
    price: EventPrice
    payments: tuple[WalletPayment, ...] | None
    lines: tuple[LineReference, ...]
    waits: str


@dataclass(frozen=True, slots=True)
class MeterTrace:
    """One meter's part of an event's trace: the contributions it counted, or the reason why it counted none."""

    code: str
    name: str
    counted: tuple[RateContribution, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class EventTrace:
    """
    The trace of an event.

    correction: the correction that voided the event.
    replaces: the correction that the event came with as a replacement.
    why_not: the reason why no meter applies, else empty.
    """

    row: StoredEvent
    meters: tuple[MeterTrace, ...]
    correction: Correction | None
    replaces: Correction | None
    unmatched: tuple[UnmatchedUsage, ...]
    why_not: str


def trace_event(key: str) -> EventTrace | None:
    """Return the trace of the event with this key, 32 hexadecimal digits; None if there is no such event."""
    row = read_by_key([key]).get(key)
    if row is None:
        return None
    (contributions,) = read_contributions([row])
    unmatched = tuple(UnmatchedUsage.objects.filter(event_key=key).select_related("meter").order_by("id"))
    corrections = Correction.objects.select_related("by", "api_key")
    correction = corrections.filter(event_key=key).first()
    replaces = corrections.filter(replacement_key=key).first()
    # A report without a meter concerns the event as a whole, so no meter has read it.
    whole = next((report for report in contributions.attribution.unmatched_parts if report.meter_id is None), None)
    why_not = f"{_reason_label(whole.reason)} ({whole.detail})" if whole else ""
    event_meters = catalog_cache.get_catalog().by_event.get(row.name)
    meters = event_meters.meters if event_meters and not whole else ()
    codes = dict(Meter.objects.filter(pk__in=[meter.id for meter in meters]).values_list("pk", "code"))
    return EventTrace(
        row=row,
        meters=tuple(
            _trace_meter(meter, codes[meter.id], contributions, unmatched, correction, replaces) for meter in meters
        ),
        correction=correction,
        replaces=replaces,
        unmatched=unmatched,
        why_not=why_not,
    )


def _reason_label(reason: str) -> str:
    return str(UnmatchedReason(reason).label)


def _trace_meter(
    meter: CachedMeter,
    code: str,
    contributions: EventContributions,
    unmatched: Sequence[UnmatchedUsage],
    correction: Correction | None,
    replaces: Correction | None,
) -> MeterTrace:
    parts = [part for part in contributions.contributions if part.stop.meter.id == meter.id]
    resolved_at = max(
        (report.resolved_at for report in unmatched if report.resolved_at and report.meter_id in (meter.id, None)),
        default=None,
    )
    recorded = RecordedAt(
        counted_at=resolved_at or contributions.row.received_at,
        corrected_at=correction.corrected_at if correction else None,
        is_single=resolved_at is None and replaces is None,
    )
    counted = tuple(counted for part in parts for counted in _rate_contributions(contributions, part, recorded))
    return MeterTrace(
        code, meter.name, counted, "" if counted else _explain_exclusion(meter, contributions, unmatched)
    )


def _explain_exclusion(
    meter: CachedMeter, contributions: EventContributions, unmatched: Sequence[UnmatchedUsage]
) -> str:
    """Return the reason why a meter that counts events of this name didn't count this one."""
    properties = contributions.event.properties
    for path, wanted in meter.filters:
        if to_text(look_up(properties, path)) not in wanted:
            return f"{_describe_property(properties, path)}; it counts {', '.join(sorted(wanted))}"
    for exclusion in meter.excludes:
        if all(to_text(look_up(properties, path)) in wanted for path, wanted in exclusion):
            return f"excluded: {' and '.join(_describe_property(properties, path) for path, _ in exclusion)}"
    for report in unmatched:
        if report.meter_id in (meter.id, None):
            return f"{report.get_reason_display()}{f' ({report.detail})' if report.detail else ''}"
    part = next((report for report in contributions.attribution.unmatched_parts if report.meter_id == meter.id), None)
    return f"{_reason_label(part.reason)} ({part.detail})" if part else "it was created after the event arrived"


def _describe_property(properties: Mapping[str, Any], path: Path) -> str:
    return f"{'.'.join(path)} is {to_text(look_up(properties, path)) or 'missing'}"


def _rate_contributions(
    contributions: EventContributions, part: Contribution, recorded: RecordedAt
) -> Iterator[RateContribution]:
    for counter, _ in part.stop.targets:
        period = Period.objects.select_related("subscription__customer", "subscription__seller").get(
            pk=counter.period_id
        )
        feature = PlanFeature.objects.select_related("feature").get(pk=counter.plan_feature_id).feature
        rate = Rate.objects.filter(pk=listed_key(counter.rate_id)).first()
        value = SplitValue.objects.filter(
            period=period, plan_feature=counter.plan_feature_id, position=split_position(counter.rate_id)
        ).first()
        lines = tuple(_find_lines(contributions, part, counter))
        yield RateContribution(
            feature=feature.name,
            rate=_rate_name(rate, value, feature.name),
            subscription=period.subscription.external_id,
            period_id=period.pk,
            starts_at=period.starts_at,
            ends_at=period.ends_at,
            quantity=Decimal(part.value),
            number=part.sequence,
            price=find_price(contributions, part, counter, period),
            payments=find_payments(contributions, part, counter, period, recorded),
            lines=lines,
            waits="" if lines else _explain_wait(contributions, period),
        )


def _rate_name(rate: Rate | None, value: SplitValue | None, feature_name: str) -> str:
    if rate is None:
        return "without a price"
    name = rate.label or feature_name
    return f"{name}: {value}" if value else name


def _find_lines(
    contributions: EventContributions, part: Contribution, counter: CounterKey
) -> Iterator[LineReference]:
    """Yield the line that billed an event, and the line that credited it."""
    billed = list(
        BilledUsage.objects.filter(**counter._asdict()).select_related("line__invoice").order_by("high_water_mark")
    )
    first = next(
        (
            billed_usage
            for billed_usage in billed
            if contributions.is_counted(part, up_to=billed_usage.high_water_mark)
        ),
        None,
    )
    if first is None:
        return
    yield _line_reference(first, is_back=False)
    credit = next(
        (
            billed_usage
            for billed_usage in billed
            if contributions.correction_sequence and billed_usage.high_water_mark >= contributions.correction_sequence
        ),
        None,
    )
    if credit is not None:
        yield _line_reference(credit, is_back=True)


def _line_reference(billed: BilledUsage, *, is_back: bool) -> LineReference:
    invoice = billed.line.invoice
    return LineReference(invoice.pk, str(invoice), billed.line.position, is_back)


def _explain_wait(contributions: EventContributions, period: Period) -> str:
    """Return the reason why an event is on no line yet."""
    if contributions.correction_sequence is not None:
        return "It was voided before it was billed."
    if period.state == PeriodState.OPEN:
        until, due = f"{period.ends_at:%Y-%m-%d %H:%M}", f"{period.due_at:%Y-%m-%d %H:%M}"
        return f"Its period lasts until {until} UTC and is billed after {due}."
    if period.late_since is None:
        return "Its period was closed without a line for it, because nothing was due."
    if period.subscription.seller.late_usage == "report_only":
        return "It arrived after its period was billed, and the seller's policy only reports late usage."
    return "It arrived after its period was billed; it is late usage and will be on the next invoice."
