"""
What wallets would have been granted and asked for by a version, and what they would not have had.

A wallet is taken to hold what the version includes for the period, and no more, where the version in force let nobody
prepay. Where it did, a wallet that had enough is taken to have enough again, and one that ran out has what it paid.
docs/simulation.md#prepaid.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from billing.closing.records import Closing
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import Counted, Window
from billing.metering.rating_inputs.window_amounts import rate_window
from billing.subscriptions.periods.boundaries import anchor_of
from lib.currencies import CREDITS
from lib.decimals import EXACT, ZERO
from plans.catalog.stored_terms import FeatureTerms, terms_of
from plans.pricing.included_credits import Granted, Rule, slots
from plans.pricing.rating import BEYOND
from wallets.credit_rules.at_zero_policy import AtZero
from wallets.credit_rules.units import rounded
from wallets.models.wallets import CREDITS as UNIT_OF_CREDITS


class Included(NamedTuple):
    """What a version includes. unit: a wallet's, as features name it: `XCR`, or a currency."""

    unit: str
    rule: Rule


class Asked(NamedTuple):
    """What was asked of wallets. missing: of that, what they had not."""

    cost: Decimal
    missing: Decimal


class Grants(NamedTuple):
    """What a period is granted in one unit. lapses: of that, what expires with the period and does not go on."""

    units: Decimal = ZERO
    lapses: Decimal = ZERO


def unit_named(unit: str) -> str:
    """Return how features name the unit of a wallet."""
    return CREDITS if unit == UNIT_OF_CREDITS else unit


def granted_in(closing: Closing, included: Sequence[Included]) -> dict[str, Grants]:
    """Return unit → what a period is granted."""
    span = closing.span
    terms = terms_of(span.version_id, span.currency)
    period = Granted(
        span.starts_at,
        span.ends_at,
        anchor_of(terms, anchor_at=span.anchor_at, time_zone=span.time_zone),
        terms.proration,  # type: ignore[arg-type]
        is_first=closing.is_first,
        goes_on=closing.goes_on,
        trial_ends_at=span.ends_at if span.is_trial else None,
    )
    found: dict[str, Grants] = {}
    for one in included:
        if one.unit not in (CREDITS, span.currency):
            continue
        for slot in slots(one.rule, period):
            lapses = slot.expires_at is not None and slot.expires_at <= span.ends_at and not slot.rolls_until
            known = found.get(one.unit, Grants())
            more = Grants(slot.units, slot.units if lapses else ZERO)
            found[one.unit] = Grants(*map(EXACT.add, known, more))
    return found


def burnt_in(closing: Closing) -> dict[str, Decimal]:
    """Return unit → what the prepaid use of a period costs in wallets, whatever they hold."""
    found: dict[str, Decimal] = {}
    for feature, _, cost in _burning(closing):
        found[feature.wallet] = EXACT.add(found.get(feature.wallet, ZERO), cost)
    return found


def invoice_what_is_missing(closing: Closing, granted: Mapping[str, Grants], asked: Mapping[str, Asked]) -> None:
    """
    File what wallets would not have had under BEYOND, where use goes on without them and is invoiced.

    asked: unit → what was asked of wallets by the version in force.
    """
    left = {unit: _power(granted.get(unit), asked.get(unit)) for unit in burnt_in(closing)}
    for feature, window, cost in list(_burning(closing)):
        has = left[feature.wallet]
        if has is None:
            continue
        missing = max(EXACT.subtract(cost, has), ZERO)
        left[feature.wallet] = EXACT.add(EXACT.subtract(has, cost), missing)
        if missing and feature.at_zero == AtZero.OVERAGE and feature.beyond is not None:
            closing.counters[window][BEYOND] = Counted(0, missing, ZERO, cost)


def _power(granted: Grants | None, asked: Asked | None) -> Decimal | None:
    """Return what a wallet can pay for in a period; None for all that there is."""
    if asked is None or not asked.cost:
        return granted.units if granted else ZERO
    return EXACT.subtract(asked.cost, asked.missing) if asked.missing else None


def _burning(closing: Closing) -> Iterator[tuple[FeatureTerms, Window, Decimal]]:
    """Yield what each window of prepaid use costs, in the order of the price list."""
    features = terms_for(closing.span).features if closing.kind == "regular" else ()
    for feature in features:
        if not feature.wallet or feature.price is None:
            continue
        for window, counted in sorted(closing.counters.items(), key=lambda one: one[0].starts_at):
            if window.plan_feature_id == feature.plan_feature_id:
                used = {rate_id: one for rate_id, one in counted.items() if rate_id != BEYOND}
                rated = rate_window(closing.span, feature, used, is_final=False, burns=True)
                before = ZERO if rated.before is None else rated.before.amount
                yield feature, window, max(rounded(EXACT.subtract(rated.now.amount, before)), ZERO)
