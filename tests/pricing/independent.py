"""
A second rater, written from the prose of docs/pricing.md in fractions only.

It shares no code with plans.pricing: it reads the fields of the terms and nothing else.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction as F

from plans.pricing.rating import PriceTerms


def cost(charge: object, q: F) -> F:
    """Return what `q` billable units cost: one formula per model, one unit range at a time."""
    name = type(charge).__name__
    if name == "Flat":
        return F(charge.fee)
    if q == 0:
        return F(0)
    if name == "PerUnit":
        return q * F(charge.unit_price)
    if name == "Package":
        count = math.ceil(q / F(charge.size)) if charge.rounding == "up" else math.floor(q / F(charge.size))
        return count * F(charge.price)
    bounds = [F(tier.up_to) for tier in charge.tiers[:-1]]
    reached = sum(bound < q for bound in bounds)
    if name == "Volume":
        return q * F(charge.tiers[reached].unit_price) + F(charge.tiers[reached].flat_fee)
    edges = [F(0), *bounds[:reached], q]
    climbed = charge.tiers[: reached + 1]
    return sum(((edges[i + 1] - edges[i]) * F(t.unit_price) + F(t.flat_fee) for i, t in enumerate(climbed)), F(0))


def rounded(q: F, mode: str, places: int) -> F:
    """Round by whole tenths, hundredths …, mirrored around zero."""
    scaled = abs(q) * 10**places
    whole = {
        "none": scaled,
        "up": F(math.ceil(scaled)),
        "down": F(math.floor(scaled)),
        "half_up": F(math.floor(scaled + F(1, 2))),
    }[mode]
    return (whole if q >= 0 else -whole) / 10**places


def bill(terms: PriceTerms, used: Mapping[int | str, Decimal]) -> tuple[dict[object, F], F]:
    """Return each rate's amount and all units refused."""
    allowance, refused, amounts = F(terms.included), F(0), {}
    for rate in terms.rates:
        q = F(used.get(rate.key, 0))
        if terms.rounding is not None:
            q = rounded(q, terms.rounding.mode, terms.rounding.places)
        free = min(q, allowance)
        allowance -= free
        beyond = q - free
        if terms.model == "hard_cap":
            refused, beyond = refused + beyond, F(0)
        amounts[rate.key] = cost(rate.charge, beyond)
    return amounts, refused
