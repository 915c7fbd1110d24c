"""
Work out what a version would have granted to wallets and drawn from them, and which usage they would not have
covered.

Where the version in force had no prepaid usage, a wallet is assumed to hold only what the candidate includes for the
period. Where it had, a wallet that covered everything is assumed to cover everything again, and one that ran out to
hold the amount that it paid. docs/simulation.md#prepaid-usage.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from billing.closing.records import PeriodToClose
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import CounterState, CounterWindow
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions.periods.boundaries import period_anchor
from lib.currencies import CREDITS
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.included_credits import GrantPeriod, IncludedCreditRule, compute_grants
from plans.pricing.rating import UNCOVERED
from wallets.credit_rules.at_zero_policy import AtZeroPolicy
from wallets.credit_rules.units import round_units


class CandidateCredits(NamedTuple):
    """Credits that a version includes. unit: of the wallet, as features name it: `XCR`, or a currency."""

    unit: str
    rule: IncludedCreditRule


class WalletDemand(NamedTuple):
    """Cost of prepaid usage in one unit. uncovered: the part that wallets could not pay."""

    cost: Decimal
    uncovered: Decimal


class PeriodGrants(NamedTuple):
    """
    Credits granted to a period in one unit. expiring: how many of them expire with the period and don't roll over.
    """

    units: Decimal = ZERO
    expiring: Decimal = ZERO


def grants_for_period(closing: PeriodToClose, included: Sequence[CandidateCredits]) -> dict[str, PeriodGrants]:
    """Return unit → credits granted to a period."""
    span = closing.span
    terms = load_terms(span.version_id, span.currency)
    period = GrantPeriod(
        span.starts_at,
        span.ends_at,
        period_anchor(terms, anchor_at=span.anchor_at, time_zone=span.time_zone),
        terms.proration,
        is_first=closing.is_first,
        continues=closing.subscription_continues,
        trial_ends_at=span.ends_at if span.is_trial else None,
    )
    grants_by_unit: dict[str, PeriodGrants] = {}
    for credits in included:
        if credits.unit not in (CREDITS, span.currency):
            continue
        for slot in compute_grants(credits.rule, period):
            is_expiring = slot.expires_at is not None and slot.expires_at <= span.ends_at and not slot.rollover_ends
            earlier = grants_by_unit.get(credits.unit, PeriodGrants())
            added = PeriodGrants(slot.units, slot.units if is_expiring else ZERO)
            grants_by_unit[credits.unit] = PeriodGrants(*map(EXACT.add, earlier, added))
    return grants_by_unit


def drawdowns_for_period(closing: PeriodToClose) -> dict[str, Decimal]:
    """Return unit → cost of a period's prepaid usage, regardless of the wallets' balances."""
    cost_by_unit: dict[str, Decimal] = {}
    for feature, _, cost in _window_costs(closing):
        cost_by_unit[feature.wallet] = EXACT.add(cost_by_unit.get(feature.wallet, ZERO), cost)
    return cost_by_unit


def bill_uncovered_usage(
    closing: PeriodToClose, grants: Mapping[str, PeriodGrants], demands: Mapping[str, WalletDemand]
) -> PeriodToClose:
    """
    Return a period that bills the usage which wallets would not have covered under the rate `UNCOVERED`, for features
    that then invoice it as overage.

    demands: unit → demand on wallets by the version in force.
    """
    counters = dict(closing.counters)
    spendable = {unit: _spendable(grants.get(unit), demands.get(unit)) for unit in drawdowns_for_period(closing)}
    for feature, window, cost in _window_costs(closing):
        available = spendable[feature.wallet]
        if available is None:
            continue
        uncovered = max(EXACT.subtract(cost, available), ZERO)
        spendable[feature.wallet] = EXACT.add(EXACT.subtract(available, cost), uncovered)
        if uncovered and feature.at_zero == AtZeroPolicy.OVERAGE and feature.uncovered_charge is not None:
            counters[window] = {**counters[window], UNCOVERED: CounterState(0, uncovered, ZERO, cost)}
    return msgspec.structs.replace(closing, counters=counters)


def _spendable(grants: PeriodGrants | None, demand: WalletDemand | None) -> Decimal | None:
    """Return the amount that a wallet can pay in a period; None if it can pay everything."""
    if demand is None or not demand.cost:
        return grants.units if grants else ZERO
    return EXACT.subtract(demand.cost, demand.uncovered) if demand.uncovered else None


def _window_costs(closing: PeriodToClose) -> Iterator[tuple[FeatureTerms, CounterWindow, Decimal]]:
    """Yield the cost of each window of prepaid usage, in the order of the price list."""
    features = terms_for(closing.span).features if closing.kind == "regular" else ()
    for feature in features:
        if not feature.wallet or feature.price is None:
            continue
        for window, counted in sorted(closing.counters.items(), key=lambda pair: pair[0].starts_at):
            if window.plan_feature_id == feature.plan_feature_id:
                used = {rate_id: usage for rate_id, usage in counted.items() if rate_id != UNCOVERED}
                rated = rate_window(closing.span, feature, used, is_final=False, is_drawdown=True)
                before = ZERO if rated.before is None else rated.before.amount
                yield feature, window, max(round_units(EXACT.subtract(rated.now.amount, before)), ZERO)
