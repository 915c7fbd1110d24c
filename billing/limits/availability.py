"""A feature's availability to a customer: usage, reservations, the cost of more usage, and the funds for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from billing.limits.feature_usage import FeatureUsageRow
from billing.metering.drawdown.wallet_debits import wallet_unit
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import with_event_values
from billing.metering.rating_inputs.period_loader import read_rating_inputs
from billing.metering.rating_inputs.rating_period import EMPTY_COUNTER, CounterState, CounterWindow, RatingPeriod
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions.periods.boundaries import usage_window
from lib.decimals import EXACT, ZERO, exact_sum
from plans.catalog.stored_terms import FREE_RATE, FeatureTerms
from plans.pricing.price_splits import split_position
from plans.pricing.rating import UNCOVERED, match_rate, rate_usage
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.credit_rules.units import round_units


class ReservedQuantity(msgspec.Struct, frozen=True, array_like=True):
    """The quantity reserved at one rate in one usage window."""

    rate_id: int
    window_start: datetime
    quantity: Decimal


class WalletFunds(msgspec.Struct, frozen=True, array_like=True):
    """
    The funds of a wallet for a feature.

    owed: negative balance, including the part that holds reserve.
    free: in lots that may pay for the feature, not held.
    """

    at_zero: str
    overdraft_limit: Decimal | None
    owed: Decimal
    free: Decimal


_decode_reserved = msgspec.json.Decoder(tuple[ReservedQuantity, ...]).decode
_decode_wallet_funds = msgspec.json.Decoder(tuple[WalletFunds, ...]).decode


class AvailableFunds(NamedTuple):
    """
    The funds of all wallets for a feature.

    unheld: in lots.
    overdraft: amount that may still be overdrawn on top.
    invoices_shortfall: whether the uncovered amount is invoiced.
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

    window_start, resets_at: bounds of its usage window.
    counters: usage in the window, by rate.
    reserved: reserved quantity, by rate.
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
        """The unit in which usage is paid: a wallet's unit, or the invoice's currency."""
        return wallet_unit(self.feature) if self.feature.wallet else self.feature.currency

    @property
    def used(self) -> Decimal:
        """The usage since the window started, after the meter's rounding."""
        if self.feature.price is None:
            return ZERO
        rated = rate_window(self.period, self.feature, self.counters, is_final=False, is_drawdown=True)
        return rated.now.quantity

    def remaining(self, properties: Mapping[str, str]) -> Decimal:
        """
        Return the rest of the allowance, zero or more.

        properties: those of the usage; they decide whose allowance it is where each value of a split price has one.
        """
        price = self.feature.price
        if price is None or price.split is None or not price.split.allowance_per_value:
            used = EXACT.add(self.used, self.reserved_quantity)
            return max(EXACT.subtract(self.feature.included, used), ZERO)
        position = split_position(self.find_rate(properties) or 0)
        numbered = {rate.position for rate in price.rates} - {0}
        if not position:
            # A value without a number gets the next one, or is one of the others.
            return self.feature.included if len(numbered) < price.split.bound else ZERO
        rated = rate_window(self.period, self.feature, self.counters, is_final=False).now
        used = exact_sum(line.quantity for line in rated.lines if split_position(int(line.rate_key)) == position)
        reserved = exact_sum(units for rate_id, units in self.reserved.items() if split_position(rate_id) == position)
        return max(EXACT.subtract(self.feature.included, EXACT.add(used, reserved)), ZERO)

    @property
    def reserved_quantity(self) -> Decimal:
        """The quantity in reservations."""
        return sum(self.reserved.values(), ZERO)

    def find_rate(self, properties: Mapping[str, str]) -> int | None:
        """Return the rate that usage with these properties is charged at; None if they don't determine it."""
        if self.feature.price is None:
            return FREE_RATE
        rate = match_rate(self.feature.price.rates, properties)
        return None if rate is None else int(rate.key)

    def additional_cost(self, quantity: Decimal, rate_id: int) -> Decimal:
        """
        Return the cost of a quantity on top of usage and reservations: in the wallet's unit if one pays, else in the
        invoice's currency; exact to 12 places.
        """
        if self.feature.price is None:
            return ZERO
        counted = self.counters
        # Such a price depends on each event, so the counters alone are not enough.
        if self.feature.price.reads_values:
            window = CounterWindow(self.feature.plan_feature_id, self.window_start)
            counted = with_event_values(counted, window, self.feature, period_id=self.period.period_id)
        before = {
            rate: _with_one_more_event(counted.get(rate, EMPTY_COUNTER), units)
            for rate, units in self.reserved.items()
        }
        # Reservations count as used, so that the next units may be in a higher tier.
        counted = {**counted, **before}
        after = {**counted, rate_id: _with_one_more_event(counted.get(rate_id, EMPTY_COUNTER), quantity)}
        return max(round_units(EXACT.subtract(self._amount(after), self._amount(counted))), ZERO)

    def invoiced_cost(self, cost: Decimal) -> Decimal:
        """Return the part of a cost that is invoiced: all of it, or the uncovered amount if a wallet pays."""
        if not self.feature.wallet or self.feature.invoice_price is None:
            return cost
        funds = self.funds
        if not funds.invoices_shortfall:
            return ZERO
        uncovered = max(EXACT.subtract(cost, funds.unheld), ZERO)
        return rate_usage(self.feature.invoice_price, {UNCOVERED: uncovered}, is_final=False).amount

    def _amount(self, counted: Mapping[int, CounterState]) -> Decimal:
        return rate_window(self.period, self.feature, counted, is_final=False, is_drawdown=True).now.amount

    @property
    def funds(self) -> AvailableFunds:
        """The wallets' funds for the feature; only for one that a wallet pays."""
        wallets = _decode_wallet_funds(self.row.wallet_funds_json) if self.row.wallet_funds_json else ()
        free = sum((wallet.free for wallet in wallets), ZERO)
        # The last wallet in the order of payment carries the overdraft, so its own rule at zero comes first.
        last = wallets[-1] if wallets else None
        at_zero = AtZeroPolicy(last.at_zero) if last and last.at_zero else AtZeroPolicy(self.feature.at_zero)
        # A price for uncovered usage is needed to invoice it.
        if at_zero is AtZeroPolicy.OVERAGE and self.feature.uncovered_charge is not None:
            return AvailableFunds(free, ZERO, True)
        if at_zero is not AtZeroPolicy.GRACE or last is None:
            return AvailableFunds(free, ZERO, False)
        limit = self.feature.overdraft_limit if last.overdraft_limit is None else last.overdraft_limit
        return AvailableFunds(free, max(EXACT.subtract(limit, last.owed), ZERO), False)


def _with_one_more_event(counter: CounterState, quantity: Decimal) -> CounterState:
    """Return the counter with one more event."""
    return counter._replace(
        events=counter.events + 1,
        quantity=EXACT.add(counter.quantity, quantity),
        metered=None if counter.metered is None else EXACT.add(counter.metered, quantity),
        values=None if counter.values is None else (*counter.values, quantity),
    )


def build_availability(rows: Sequence[FeatureUsageRow], at: datetime) -> FeatureAvailability | None:
    """Return the availability of the feature of these rows; None if it is not metered, or not covered."""
    first = rows[0]
    if first.plan_feature_id is None:
        return None
    period = first.period
    terms = terms_for(period)
    feature = terms.by_plan_feature.get(first.plan_feature_id)
    if feature is None:
        return None
    starts_at, resets_at = period.starts_at, period.ends_at
    if feature.resets is not None:
        zone = ZoneInfo(period.time_zone)
        starts_at, resets_at = usage_window(terms, feature.resets, anchor_at=period.anchor_at, zone=zone, at=at)
    counted = {
        row.rate_id: CounterState.from_row(row)
        for row in rows
        if row.rate_id is not None and row.window_start == starts_at
    }
    window = CounterWindow(feature.plan_feature_id, starts_at)
    inputs = read_rating_inputs([period], feature=feature)
    billable = inputs.complete(period, {window: counted}, at=at, feature=feature)
    if billable.span.split_values:
        feature = terms_for(billable.span).by_plan_feature[first.plan_feature_id]
    reserved = _reserved_in_window(first.reserved_json, starts_at) if first.reserved_json else {}
    counters = billable.counters[window]
    return FeatureAvailability(first, billable.span, feature, starts_at, resets_at, counters, reserved)


def _reserved_in_window(text: str, starts_at: datetime) -> dict[int, Decimal]:
    return {
        reservation.rate_id: reservation.quantity
        for reservation in _decode_reserved(text)
        if reservation.window_start == starts_at
    }
