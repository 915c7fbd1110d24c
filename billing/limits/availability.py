"""How a customer stands with a feature: what is used and reserved, what more of it costs, what there is for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from billing.limits.feature_usage import FeatureUsageRow
from billing.metering.drawdown.wallet_debits import wallet_unit
from billing.metering.rating_inputs.aggregate_quantities import read_states
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import read_window_runs
from billing.metering.rating_inputs.period_counters import (
    EMPTY_COUNTER,
    CounterState,
    RatingPeriod,
    UsageWindow,
    with_event_values,
    with_metered,
    with_window_runs,
)
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions.periods.boundaries import usage_window
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FREE_RATE, FeatureTerms
from plans.pricing.rating import UNCOVERED, match_rate, rate_usage
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.credit_rules.units import round_units


class ReservedQuantity(msgspec.Struct, frozen=True, array_like=True):
    """What is reserved at one rate in one window of use."""

    rate_id: int
    window_start: datetime
    quantity: Decimal


class WalletFunds(msgspec.Struct, frozen=True, array_like=True):
    """What a wallet has for a feature now. free: in lots that may pay for it, not held. owed: and kept to be owed."""

    at_zero: str
    overdraft_limit: Decimal | None
    owed: Decimal
    free: Decimal


_decode_reserved = msgspec.json.Decoder(tuple[ReservedQuantity, ...]).decode
_decode_wallet_funds = msgspec.json.Decoder(tuple[WalletFunds, ...]).decode


class AvailableFunds(NamedTuple):
    """
    What wallets have for a feature. free: in lots. grace: on top of that, what may still be owed. is_endless: whether
    what they have not is invoiced.
    """

    unheld: Decimal
    overdraft: Decimal
    invoices_shortfall: bool

    @property
    def available(self) -> Decimal:
        return EXACT.add(self.unheld, self.overdraft)


@dataclass(slots=True)
class FeatureAvailability:
    """
    A metered feature of a running period.

    starts_at, resets_at: of its window of use. counted: what was used in it, rate by rate. reserved: quantity that
    reservations keep, rate by rate.
    """

    row: FeatureUsageRow
    period: RatingPeriod
    feature: FeatureTerms
    window_start: datetime
    resets_at: datetime
    counters: Mapping[int, CounterState]
    reserved: Mapping[int, Decimal] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """What its use is paid in: a wallet's unit, or the invoice's currency."""
        return wallet_unit(self.feature) if self.feature.wallet else self.feature.currency

    @property
    def used(self) -> Decimal:
        """What was used since its window of use began, after the meter's rounding."""
        if self.feature.price is None:
            return ZERO
        rated = rate_window(self.period, self.feature, self.counters, is_final=False, is_drawdown=True)
        return rated.now.quantity

    @property
    def reserved_quantity(self) -> Decimal:
        """What reservations keep of it."""
        return sum(self.reserved.values(), ZERO)

    def find_rate(self, properties: Mapping[str, str]) -> int | None:
        """Return the rate that use of these properties is charged by; None if they do not tell."""
        if self.feature.price is None:
            return FREE_RATE
        found = match_rate(self.feature.price.rates, properties)
        return None if found is None else int(found.key)

    def additional_cost(self, quantity: Decimal, rate_id: int) -> Decimal:
        """
        Return what so much more costs, on top of what was used and is reserved: of a wallet's units where one pays,
        of the invoice's money otherwise; exact to 12 places.
        """
        if self.feature.price is None:
            return ZERO
        counted = self.counters
        if self.feature.price.reads_values:
            window = UsageWindow(self.feature.plan_feature_id, self.window_start)
            counted = with_event_values(counted, window, self.feature, period_id=self.period.period_id)
        before = {
            rate: _with_one_more_event(counted.get(rate, EMPTY_COUNTER), units)
            for rate, units in self.reserved.items()
        }
        counted = {**counted, **before}
        after = {**counted, rate_id: _with_one_more_event(counted.get(rate_id, EMPTY_COUNTER), quantity)}
        return max(round_units(EXACT.subtract(self._amount(after), self._amount(counted))), ZERO)

    def invoiced_cost(self, cost: Decimal) -> Decimal:
        """Return what of a cost is invoiced: all of it, or only what a wallet has not, where one pays."""
        if not self.feature.wallet or self.feature.invoice_price is None:
            return cost
        room = self.funds
        if not room.invoices_shortfall:
            return ZERO
        missing = max(EXACT.subtract(cost, room.unheld), ZERO)
        return rate_usage(self.feature.invoice_price, {UNCOVERED: missing}, is_final=False).amount

    def _amount(self, counted: Mapping[int, CounterState]) -> Decimal:
        return rate_window(self.period, self.feature, counted, is_final=False, is_drawdown=True).now.amount

    @property
    def funds(self) -> AvailableFunds:
        """What wallets have for the feature; of one that a wallet pays."""
        purses = _decode_wallet_funds(self.row.wallet_funds_json) if self.row.wallet_funds_json else ()
        free = sum((one.free for one in purses), ZERO)
        last = purses[-1] if purses else None
        at_zero = AtZeroPolicy(last.at_zero) if last and last.at_zero else AtZeroPolicy(self.feature.at_zero)
        if at_zero is AtZeroPolicy.OVERAGE and self.feature.uncovered_charge is not None:
            return AvailableFunds(free, ZERO, True)
        if at_zero is not AtZeroPolicy.GRACE or last is None:
            return AvailableFunds(free, ZERO, False)
        limit = self.feature.overdraft_limit if last.overdraft_limit is None else last.overdraft_limit
        return AvailableFunds(free, max(EXACT.subtract(limit, last.owed), ZERO), False)


def _with_one_more_event(one: CounterState, quantity: Decimal) -> CounterState:
    """Return a counter as one more event would leave it."""
    return one._replace(
        events=one.events + 1,
        quantity=EXACT.add(one.quantity, quantity),
        metered=None if one.metered is None else EXACT.add(one.metered, quantity),
        values=None if one.values is None else (*one.values, quantity),
    )


def build_availability(rows: Sequence[FeatureUsageRow], at: datetime) -> FeatureAvailability | None:
    """Return how a customer stands with the feature of these rows; None where it is not metered, or not covered."""
    first = rows[0]
    if first.plan_feature_id is None:
        return None
    span = first.period
    terms = terms_for(span)
    feature = terms.by_plan_feature.get(first.plan_feature_id)
    if feature is None:
        return None
    starts_at, resets_at = span.starts_at, span.ends_at
    if feature.resets is not None:
        zone = ZoneInfo(span.time_zone)
        starts_at, resets_at = usage_window(terms, feature.resets, anchor_at=span.anchor_at, zone=zone, at=at)
    counted = {
        row.rate_id: CounterState(row.events, row.quantity, row.fingerprint, row.carried)
        for row in rows
        if row.rate_id is not None and row.window_start == starts_at
    }
    if feature.metering.needs_aggregate_state:
        window = UsageWindow(feature.plan_feature_id, starts_at)
        counted = with_metered({window: counted}, span, read_states([span]), at=at)[window]
    if feature.spans_periods:
        span = with_window_runs(span, read_window_runs([span]))
    reserved = _reserved_in_window(first.reserved_json, starts_at) if first.reserved_json else {}
    return FeatureAvailability(first, span, feature, starts_at, resets_at, counted, reserved)


def _reserved_in_window(told: str, starts_at: datetime) -> dict[int, Decimal]:
    return {one.rate_id: one.quantity for one in _decode_reserved(told) if one.window_start == starts_at}
