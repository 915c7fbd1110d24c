"""
An independent rater, written from the prose of docs/pricing.md, in fractions only.

It shares no code with plans.pricing; it only reads the fields of the terms.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction as F

from plans.pricing.charge_models.tiers import PriceTier
from plans.pricing.rating import PriceTerms, RateUsage

NOTHING = RateUsage(Decimal(0), 0, ())


def cost(charge: object, q: F, used: RateUsage) -> F:
    """Return the price of `q` billable units: one formula per model, one unit range at a time."""
    name = type(charge).__name__
    if name == "Percentage":
        values = list(map(F, used.values))
        in_order = charge.free_events or (charge.free_value and charge.fixed_fee)
        if not in_order and charge.minimum is None and charge.maximum is None:
            values = [q, *[F(0)] * len(values)][
                : len(values)
            ]  # they follow from the rounded sum and the number of events
        return percentage(charge, values)
    if name == "Dynamic":
        return max(F(used.carried), F(0)) * F(charge.markup)
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
        return cost_of_tier(charge.tiers[reached], q)
    edges = [F(0), *bounds[:reached], q]
    climbed = charge.tiers[: reached + 1]
    return sum((cost_of_tier(tier, edges[i + 1] - edges[i]) for i, tier in enumerate(climbed)), F(0))


def cost_of_tier(tier: PriceTier, units: F) -> F:
    """Return the price of units in a tier, with its fee and no more than its maximum."""
    price = units * F(tier.unit_price) + F(tier.flat_fee)
    return price if tier.maximum is None else min(price, F(tier.maximum))


def percentage(charge: object, values: Sequence[F]) -> F:
    """Charge the events one by one, as the page describes it."""
    free_left = F(charge.free_value) if charge.free_value else None
    free = bool(charge.free_events or charge.free_value)
    bounded, plain = F(0), F(0)
    for number, value in enumerate(values, start=1):
        if free and ((charge.free_events and number > charge.free_events) or free_left == 0):
            free = False
        paid = value
        if free:
            if free_left is None or value <= free_left:
                free_left = None if free_left is None else free_left - value
                continue
            paid, free_left = value - free_left, F(0)
        amount = paid * F(charge.percent) / 100 + F(charge.fixed_fee)
        if charge.minimum is not None and amount < F(charge.minimum):
            bounded += F(charge.minimum)
        elif charge.maximum is not None and amount > F(charge.maximum):
            bounded += F(charge.maximum)
        else:
            plain += amount
    return bounded + plain


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


def bill(terms: PriceTerms, used: Mapping[int | str, RateUsage]) -> tuple[dict[object, F], F]:
    """Return each rate's amount and the number of rejected units."""
    allowance, refused, amounts = F(terms.included), F(0), {}
    for rate in terms.rates:
        usage = used.get(rate.key, NOTHING)
        q = F(usage.quantity)
        if terms.rounding is not None:
            q = rounded(q, terms.rounding.mode, terms.rounding.places)
        free = min(q, allowance)
        allowance -= free
        beyond = q - free
        if terms.model == "hard_cap":
            refused, beyond = refused + beyond, F(0)
        amounts[rate.key] = cost(rate.charge, beyond, usage)
    return amounts, refused


def invoiced_amount(terms: PriceTerms, amounts: Iterable[F], share: F) -> F:
    """Return the invoiced amount: lines rounded one by one, their sum within its share of the bounds."""
    step = F(1, 10 ** {"EUR": 2, "JPY": 0, "KWD": 3}[terms.currency])

    def money(amount: F) -> F:
        return math.floor(amount / step + F(1, 2)) * step

    claims = sum(map(money, amounts), F(0))
    if terms.minimum is not None:
        claims = max(claims, money(F(terms.minimum) * share))
    if terms.maximum is not None:
        claims = min(claims, money(F(terms.maximum) * share))
    return claims
