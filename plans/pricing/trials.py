"""Prices during a trial."""

from dataclasses import replace

from lib.decimals import ZERO
from plans.pricing.terms import PriceTerms


def trial_price_terms(terms: PriceTerms, *, is_free: bool) -> PriceTerms:
    """
    Return the terms of a price during a trial: no minimum, no flat price, no discount for a commitment.

    is_free: whether usage costs nothing; it is counted and attributed to rates all the same.

    Source: docs/pricing.md#trials.
    """
    rates = tuple(
        replace(rate, factor=ZERO) if is_free or rate.charge.due_without_usage else rate for rate in terms.rates
    )
    return replace(terms, rates=rates, minimum=None, discount=ZERO)
