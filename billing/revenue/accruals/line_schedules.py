"""The schedule of a line that is not issued yet, as the books will earn it: docs/recognition.md#schedules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from invoices.documents.drafts import Draft, DraftLine
from lib.decimals import EXACT, ZERO
from lib.money import minor_unit, round_money
from plans.models import Fee
from plans.models.prices import Recognition
from plans.pricing.calendar import boundary
from plans.pricing.period_anchor import Anchor, Interval
from plans.pricing.recognition import earned

EARNED_AT_THE_END = ("usage", "late_usage", "usage_credit", "true_up", "surcharge")
"""Kinds of lines that are earned at the end of the span that they settle, if no accrual moves them."""

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class FeeRecognition:
    """When a fee is earned. months: for one that is earned over several. by_day: whether its version prorates so."""

    recognition: str
    months: int | None
    by_day: bool


OVER_ITS_SERVICE = FeeRecognition(Recognition.SERVICE, None, by_day=False)


def read_fee_recognitions(fee_ids: Iterable[int]) -> dict[int, FeeRecognition]:
    """Return fee → when it is earned."""
    rows = Fee.objects.filter(pk__in=set(fee_ids)).values_list(
        "pk", "recognition", "recognition_months", "version__proration"
    )
    return {pk: FeeRecognition(name, months, proration == "day") for pk, name, months, proration in rows}


def earned_share(
    line: DraftLine,
    net: Decimal,
    fees: Mapping[int, FeeRecognition],
    *,
    at: datetime,
    currency: str,
    zone: ZoneInfo,
) -> Decimal:
    """Return the part of a line's net amount that is earned by a time. zone: of the seller."""
    fee = fees.get(line.fee_id or 0, OVER_ITS_SERVICE)
    start, end = _schedule(line, fee, zone)
    places = -int(minor_unit(currency).as_tuple().exponent)
    return earned(net, start, end, at, places=places, by_day=fee.by_day, zone=zone)


def _schedule(line: DraftLine, fee: FeeRecognition, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the span over which a line is earned; equal times mean at that instant."""
    start, end = line.service_start, line.service_end
    if line.kind in EARNED_AT_THE_END:
        return end, end
    if fee.recognition == Recognition.ONCE or end <= start:
        # The instant at which a month starts belongs to that month.
        return start + _TICK, start + _TICK
    if fee.recognition == Recognition.MONTHS and fee.months is not None:
        return start, boundary(Anchor("anniversary", start, Interval("month", fee.months), zone), 1)
    return start, end


def net_before_tax(draft: Draft, line: DraftLine) -> Decimal:
    """Return a line's amount after coupons and before tax, rounded."""
    return before_tax(draft.net_of(line), line, draft.currency, includes_tax=draft.includes_tax)


def before_tax(amount: Decimal, line: DraftLine, currency: str, *, includes_tax: bool) -> Decimal:
    """Return an amount of a line before the tax that it includes, rounded."""
    if not includes_tax:
        return amount
    percent = EXACT.add(Decimal(100), sum((tax.rate for tax in line.taxes), ZERO))
    return round_money(Fraction(amount) * 100 / Fraction(percent), currency)
