"""The worth of a commitment in units: the amount that these units cost."""

from dataclasses import replace

from plans.pricing.charge_models import Graduated, Package, PerUnit, Volume
from plans.pricing.commitments import SpendCommitment
from plans.pricing.rating import rate_usage
from plans.pricing.terms import PriceTerms
from plans.pricing.validation import InvalidCharge


def price_commitment(commitment: SpendCommitment, price: PriceTerms) -> SpendCommitment:
    """
    Return a commitment in units with their worth as its minimum, unchanged if it is in money.

    price: of its feature, with the committed discount and the overrides of the subscription.

    The worth is the rating of the units as the usage of one full period, allowance included, so a period that uses
    exactly these units owes nothing more.

    :raises InvalidCharge: if the price does not determine the worth of a number of units alone.

    Source: docs/closing.md#commitments-in-units.
    """
    if commitment.units is None:
        return commitment
    if len(price.rates) != 1:
        raise InvalidCharge(
            f"A commitment in units needs a price with one rate, not {len(price.rates)}: commit to an amount of money"
            " instead."
        )
    (rate,) = price.rates
    if not isinstance(rate.charge, PerUnit | Package | Graduated | Volume):
        raise InvalidCharge(
            f"A commitment in units needs a price per unit, but “{rate.label}” depends on more than the units: commit"
            " to an amount of money instead."
        )
    return replace(commitment, minimum=rate_usage(price, {rate.key: commitment.units}).invoiced_amount)
