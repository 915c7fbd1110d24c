"""
What became of an event: which meters counted it and why others did not, at which rate and tier, on which line.

A trace is read, not kept: the event is attributed again by the function that ingest uses.
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
from billing.metering.rating_inputs.tier_lookup import find_tiers
from billing.metering.store.counter_store import CounterKey
from billing.models import BilledUsage, Correction, Period, UnmatchedUsage
from billing.models.periods import PeriodState
from billing.models.usage import UnmatchedReason
from plans.models import Meter, PlanFeature, Rate


@dataclass(frozen=True, slots=True)
class OnLine:
    """An invoice line that an event ended on; is_back: that takes it back."""

    invoice_id: int
    invoice: str
    position: int
    is_back: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """
    What an event gave at one rate.

    tiers, is_ordered: how its units are priced, see `tiers_of`. lines: where it was billed. waits: why it is not yet.
    """

    feature: str
    rate: str
    subscription: str
    period_id: int
    starts_at: datetime
    ends_at: datetime
    quantity: Decimal
    number: int
    tiers: tuple[str, ...]
    is_ordered: bool
    lines: tuple[OnLine, ...]
    waits: str


@dataclass(frozen=True, slots=True)
class OfMeter:
    """One meter's word on an event: what it counted, or why it did not."""

    code: str
    name: str
    counted: tuple[Counted, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class Traced:
    """
    correction: that took the event back. replaces: the correction that it came by. why_not: where no meter is asked.
    """

    row: StoredEvent
    meters: tuple[OfMeter, ...]
    correction: Correction | None
    replaces: Correction | None
    unmatched: tuple[UnmatchedUsage, ...]
    why_not: str


def trace(key: str) -> Traced | None:
    """Return what became of the event of a key, 32 hexadecimal digits; None if there is none."""
    row = read_by_key([key]).get(key)
    if row is None:
        return None
    (one,) = read_contributions([row])
    unmatched = tuple(UnmatchedUsage.objects.filter(event_key=key).select_related("meter").order_by("id"))
    corrections = Correction.objects.select_related("by", "api_key")
    whole = next((report for report in one.attribution.unmatched_parts if report.meter_id is None), None)
    why_not = f"{_reason(whole.reason)} ({whole.detail})" if whole else ""
    found = catalog_cache.get_catalog().by_event.get(row.name)
    asked = found.meters if found and not whole else ()
    codes = dict(Meter.objects.filter(pk__in=[meter.id for meter in asked]).values_list("pk", "code"))
    return Traced(
        row=row,
        meters=tuple(_of_meter(meter, codes[meter.id], one, unmatched) for meter in asked),
        correction=corrections.filter(event_key=key).first(),
        replaces=corrections.filter(replacement_key=key).first(),
        unmatched=unmatched,
        why_not=why_not,
    )


def _reason(reason: str) -> str:
    return str(UnmatchedReason(reason).label)


def _of_meter(meter: CachedMeter, code: str, one: EventContributions, unmatched: Sequence[UnmatchedUsage]) -> OfMeter:
    parts = [part for part in one.contributions if part.stop.meter.id == meter.id]
    counted = tuple(counted for part in parts for counted in _counted(one, part))
    return OfMeter(code, meter.name, counted, "" if counted else _why_not(meter, one, unmatched))


def _why_not(meter: CachedMeter, one: EventContributions, unmatched: Sequence[UnmatchedUsage]) -> str:
    """Return why a meter that counts events of this name did not count this one."""
    properties = one.event.properties
    for path, wanted in meter.filters:
        if to_text(look_up(properties, path)) not in wanted:
            return f"{_told(properties, path)}; it counts {', '.join(sorted(wanted))}"
    for left_out in meter.excludes:
        if all(to_text(look_up(properties, path)) in wanted for path, wanted in left_out):
            return f"left out: {' and '.join(_told(properties, path) for path, _ in left_out)}"
    for report in unmatched:
        if report.meter_id in (meter.id, None):
            return f"{report.get_reason_display()}{f' ({report.detail})' if report.detail else ''}"
    now = next((report for report in one.attribution.unmatched_parts if report.meter_id == meter.id), None)
    return f"{_reason(now.reason)} ({now.detail})" if now else "it was made after the event came"


def _told(properties: Mapping[str, Any], path: Path) -> str:
    return f"{'.'.join(path)} is {to_text(look_up(properties, path)) or 'missing'}"


def _counted(one: EventContributions, part: Contribution) -> Iterator[Counted]:
    for counter, _ in part.stop.targets:
        period = Period.objects.select_related("subscription__customer__seller").get(pk=counter.period_id)
        feature = PlanFeature.objects.select_related("feature").get(pk=counter.plan_feature_id).feature
        rate = Rate.objects.filter(pk=counter.rate_id).first()
        tiers, is_ordered = find_tiers(one, part, counter, period)
        lines = tuple(_lines(one, part, counter))
        yield Counted(
            feature=feature.name,
            rate=rate.label or feature.name if rate else "without a price",
            subscription=period.subscription.external_id,
            period_id=period.pk,
            starts_at=period.starts_at,
            ends_at=period.ends_at,
            quantity=Decimal(part.value),
            number=part.sequence,
            tiers=tiers,
            is_ordered=is_ordered,
            lines=lines,
            waits="" if lines else _waits(one, period),
        )


def _lines(one: EventContributions, part: Contribution, counter: CounterKey) -> Iterator[OnLine]:
    """Yield the line that billed an event, and the one that gave it back."""
    billed = list(
        BilledUsage.objects.filter(**counter._asdict()).select_related("line__invoice").order_by("high_water_mark")
    )
    first = next((one_ for one_ in billed if one.is_counted(part, up_to=one_.high_water_mark)), None)
    if first is None:
        return
    yield _on(first, is_back=False)
    back = next(
        (one_ for one_ in billed if one.correction_sequence and one_.high_water_mark >= one.correction_sequence), None
    )
    if back is not None:
        yield _on(back, is_back=True)


def _on(billed: BilledUsage, *, is_back: bool) -> OnLine:
    invoice = billed.line.invoice
    return OnLine(invoice.pk, str(invoice), billed.line.position, is_back)


def _waits(one: EventContributions, period: Period) -> str:
    """Return why an event is on no line yet."""
    if one.correction_sequence is not None:
        return "It was taken back before it was billed."
    if period.state == PeriodState.OPEN:
        until, due = f"{period.ends_at:%Y-%m-%d %H:%M}", f"{period.due_at:%Y-%m-%d %H:%M}"
        return f"Its period goes on until {until} UTC, and is billed after {due}."
    if period.late_since is None:
        return "Its period was closed without a line for it: nothing was due."
    if period.subscription.customer.seller.late_usage == "report_only":
        return "It came after its period was billed, and the seller only reports late usage."
    return "It came after its period was billed: it is late usage, and waits for the next document."
