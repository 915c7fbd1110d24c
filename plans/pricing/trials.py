"""What a price comes to in a trial."""

from dataclasses import replace

from lib.decimals import ZERO
from plans.pricing.terms import PriceTerms


def on_trial(terms: PriceTerms, *, is_free: bool) -> PriceTerms:
    """
    Return the terms of a price for a trial: no minimum, no flat price, no discount for a commitment.

    is_free: whether usage costs nothing at all; it is counted and divided all the same.

    Source: docs/pricing.md#trials.
    """
    rates = tuple(
        replace(rate, factor=ZERO) if is_free or rate.charge.due_without_usage else rate for rate in terms.rates
    )
    return replace(terms, rates=rates, minimum=None, discount=ZERO)
