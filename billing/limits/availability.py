"""How a customer stands with a feature: what is used and reserved, what more of it costs, what there is for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from billing.limits.feature_usage import Row
from billing.metering.drawdown.wallet_debits import unit_of
from billing.metering.rating_inputs.aggregate_quantities import read_held
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import read_runs
from billing.metering.rating_inputs.period_counters import (
    NOTHING,
    Counted,
    Span,
    Window,
    with_metered,
    with_runs,
    with_values,
)
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions.periods.boundaries import window_of
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FREE_RATE, FeatureTerms
from plans.pricing.rating import BEYOND, match_rate, rate_usage
from wallets.credit_rules.at_zero_policy import AtZero
from wallets.credit_rules.units import rounded


class Reserved(msgspec.Struct, frozen=True, array_like=True):
    """What is reserved at one rate in one window of use."""

    rate_id: int
    window_start: datetime
    quantity: Decimal


class Purse(msgspec.Struct, frozen=True, array_like=True):
    """What a wallet has for a feature now. free: in lots that may pay for it, not held. owed: and kept to be owed."""

    at_zero: str
    grace: Decimal | None
    owed: Decimal
    free: Decimal


_reserved = msgspec.json.Decoder(tuple[Reserved, ...]).decode
_purses = msgspec.json.Decoder(tuple[Purse, ...]).decode


class Room(NamedTuple):
    """
    What wallets have for a feature. free: in lots. grace: on top of that, what may still be owed. is_endless: whether
    what they have not is invoiced.
    """

    free: Decimal
    grace: Decimal
    is_endless: bool

    @property
    def available(self) -> Decimal:
        return EXACT.add(self.free, self.grace)


@dataclass(slots=True)
class Standing:
    """
    A metered feature of a running period.

    starts_at, resets_at: of its window of use. counted: what was used in it, rate by rate. reserved: quantity that
    reservations keep, rate by rate.
    """

    row: Row
    span: Span
    feature: FeatureTerms
    starts_at: datetime
    resets_at: datetime
    counted: Mapping[int, Counted]
    reserved: Mapping[int, Decimal] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What its use is paid in: a wallet's unit, or the invoice's currency."""
        return unit_of(self.feature) if self.feature.wallet else self.feature.currency

    @property
    def used(self) -> Decimal:
        """What was used since its window of use began, after the meter's rounding."""
        if self.feature.price is None:
            return ZERO
        rated = rate_window(self.span, self.feature, self.counted, is_final=False, burns=True)
        return rated.now.quantity

    @property
    def held(self) -> Decimal:
        """What reservations keep of it."""
        return sum(self.reserved.values(), ZERO)

    def rate_of(self, properties: Mapping[str, str]) -> int | None:
        """Return the rate that use of these properties is charged by; None if they do not tell."""
        if self.feature.price is None:
            return FREE_RATE
        found = match_rate(self.feature.price.rates, properties)
        return None if found is None else int(found.key)

    def cost_of(self, quantity: Decimal, rate_id: int) -> Decimal:
        """
        Return what so much more costs, on top of what was used and is reserved: of a wallet's units where one pays,
        of the invoice's money otherwise; exact to 12 places.
        """
        if self.feature.price is None:
            return ZERO
        counted = self.counted
        if self.feature.price.reads_values:
            window = Window(self.feature.plan_feature_id, self.starts_at)
            counted = with_values(counted, window, self.feature, period_id=self.span.period_id)
        before = {rate: _more(counted.get(rate, NOTHING), units) for rate, units in self.reserved.items()}
        counted = {**counted, **before}
        after = {**counted, rate_id: _more(counted.get(rate_id, NOTHING), quantity)}
        return max(rounded(EXACT.subtract(self._amount(after), self._amount(counted))), ZERO)

    def invoiced_cost_of(self, cost: Decimal) -> Decimal:
        """Return what of a cost is invoiced: all of it, or only what a wallet has not, where one pays."""
        if not self.feature.wallet or self.feature.claims is None:
            return cost
        room = self.room
        if not room.is_endless:
            return ZERO
        missing = max(EXACT.subtract(cost, room.free), ZERO)
        return rate_usage(self.feature.claims, {BEYOND: missing}, is_final=False).amount

    def _amount(self, counted: Mapping[int, Counted]) -> Decimal:
        return rate_window(self.span, self.feature, counted, is_final=False, burns=True).now.amount

    @property
    def room(self) -> Room:
        """What wallets have for the feature; of one that a wallet pays."""
        purses = _purses(self.row.purses) if self.row.purses else ()
        free = sum((one.free for one in purses), ZERO)
        last = purses[-1] if purses else None
        at_zero = AtZero(last.at_zero) if last and last.at_zero else AtZero(self.feature.at_zero)
        if at_zero is AtZero.OVERAGE and self.feature.beyond is not None:
            return Room(free, ZERO, True)
        if at_zero is not AtZero.GRACE or last is None:
            return Room(free, ZERO, False)
        limit = self.feature.grace if last.grace is None else last.grace
        return Room(free, max(EXACT.subtract(limit, last.owed), ZERO), False)


def _more(one: Counted, quantity: Decimal) -> Counted:
    """Return a counter as one more event would leave it."""
    return one._replace(
        events=one.events + 1,
        quantity=EXACT.add(one.quantity, quantity),
        metered=None if one.metered is None else EXACT.add(one.metered, quantity),
        values=None if one.values is None else (*one.values, quantity),
    )


def standing_of(rows: Sequence[Row], at: datetime) -> Standing | None:
    """Return how a customer stands with the feature of these rows; None where it is not metered, or not covered."""
    first = rows[0]
    if first.plan_feature_id is None:
        return None
    span = first.span
    terms = terms_for(span)
    feature = terms.by_plan_feature.get(first.plan_feature_id)
    if feature is None:
        return None
    starts_at, resets_at = span.starts_at, span.ends_at
    if feature.resets is not None:
        zone = ZoneInfo(span.time_zone)
        starts_at, resets_at = window_of(terms, feature.resets, anchor_at=span.anchor_at, zone=zone, at=at)
    counted = {
        row.rate_id: Counted(row.events, row.quantity, row.fingerprint, row.carried)
        for row in rows
        if row.rate_id is not None and row.window_start == starts_at
    }
    if feature.metering.is_tallied:
        window = Window(feature.plan_feature_id, starts_at)
        counted = with_metered({window: counted}, span, read_held([span]), at=at)[window]
    if feature.runs_on:
        span = with_runs(span, read_runs([span]))
    reserved = _of_window(first.reserved, starts_at) if first.reserved else {}
    return Standing(first, span, feature, starts_at, resets_at, counted, reserved)


def _of_window(told: str, starts_at: datetime) -> dict[int, Decimal]:
    return {one.rate_id: one.quantity for one in _reserved(told) if one.window_start == starts_at}
