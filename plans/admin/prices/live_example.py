"""
The live example beside the grid: what the figures on the page come to, before they are saved.

It is worked out by the rating function that bills, on terms built as plans.catalog.stored_terms builds them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils import timezone

from lib.currencies import CREDITS
from lib.formats import CREDIT, format_money, format_number, format_units
from lib.money import round_money
from plans.admin.prices.example_quantities import MOST, usual
from plans.admin.prices.rating_parts import Row, rows_of
from plans.catalog.stored_terms import build_rate_terms, combine_rates
from plans.costs.unit_costs import to_cost_rates, usage_at_cost
from plans.models import PlanFeature, Price, Rate, Tier
from plans.models.prices import Consumption
from plans.pricing import rating
from plans.pricing.cost_rates import CostRate


@dataclass(frozen=True, slots=True)
class Line:
    """One rate's share of an example."""

    label: str
    quantity: str
    included: str
    refused: str
    rows: list[Row]
    amount: str
    rounded: bool


@dataclass(frozen=True, slots=True)
class Example:
    """What some usage comes to: “125,000 calls = $134.38”, and why."""

    usage: str
    amount: str
    lines: list[Line]
    has_fees: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A rate as it stands on the page, and the quantities to work it out for; none: the usual ones."""

    rate: Rate
    tiers: Sequence[Tier]
    quantities: Sequence[Decimal]


def examples(
    granted: PlanFeature, currency: str, asked: Sequence[Asked], *, price: Price | None = None
) -> list[Example]:
    """
    Return what each of several quantities comes to; where there are several rates, the nth of each together.

    price: its minimum and maximum bound what it comes to. What charges single events is shown one of each quantity.

    :raises ValueError: if the figures cannot charge, in finance's words.
    """
    # Rates that are not saved yet have no key of their own: their place on the page is one.
    rates = [replace(build_rate_terms(one.rate, one.tiers), key=place) for place, one in enumerate(asked)]
    terms = combine_rates(granted, granted.feature.meter, rates, currency, price=price)
    unit = granted.feature.meter.unit
    if granted.consumption == Consumption.CREDITS and currency != CREDITS:  # what a credit costs, not a use
        terms, unit = replace(terms, included=Decimal(0), rounding=None), CREDIT
    quantities = [list(one.quantities) or _usual(terms.included, one) for one in asked]
    count = min(MOST, max(map(len, quantities), default=0))
    used = [{place: _nth(all_of, index) for place, all_of in enumerate(quantities)} for index in range(count)]
    costs = to_cost_rates(granted.feature.meter.unit_costs.filter(currency=currency))
    return [_example(terms, usage, unit, costs) for usage in used]


def _usual(included: Decimal, one: Asked) -> list[Decimal]:
    bounds = sorted(tier.up_to for tier in one.tiers if tier.up_to is not None)
    return usual(bounds=bounds, included=included)


def _nth(quantities: list[Decimal], index: int) -> Decimal:
    return quantities[min(index, len(quantities) - 1)]


def _example(
    terms: rating.PriceTerms, quantities: dict[int, Decimal], unit: str, costs: Sequence[CostRate]
) -> Example:
    now = timezone.now()
    usage = {
        rate.key: usage_at_cost(rate, quantities[int(rate.key)], dict(rate.match), costs=costs, at=now)
        for rate in terms.rates
    }
    rated = rating.rate_usage(terms, usage)
    used = sum(quantities.values(), Decimal(0))
    return Example(
        usage=format_units(used, unit),
        amount=format_money(rated.invoiced_amount, terms.currency),
        lines=[_line(line, terms.currency) for line in rated.invoice_lines],
        has_fees=any(part.flat_fee for line in rated.invoice_lines for part in line.parts),
    )


def _line(line: rating.RatedLine, currency: str) -> Line:
    rounded = round_money(line.amount, currency)
    return Line(
        label=line.label,
        quantity=format_number(line.quantity),
        included=format_number(line.included) if line.included else "",
        refused=format_number(line.refused) if line.refused else "",
        rows=rows_of(line.parts, currency),
        amount=format_money(rounded, currency),
        rounded=rounded != line.amount,
    )
