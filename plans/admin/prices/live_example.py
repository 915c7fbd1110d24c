"""
The live example next to the price grid: the amounts that the prices on the page give, before they are saved.

The rating function that bills computes it, on terms built as in plans.catalog.stored_terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from lib.currencies import CREDITS
from lib.formats import CREDIT, format_money, format_number, format_units
from lib.money import round_money
from plans.admin.prices.example_quantities import MOST, default_quantities
from plans.catalog.stored_terms import build_rate_terms, combine_rates
from plans.catalog.unit_ranges import format_range
from plans.costs.unit_costs import to_cost_rates, usage_at_cost
from plans.models import PlanFeature, Price, Rate, Tier
from plans.models.prices import Consumption
from plans.pricing import rating
from plans.pricing.cost_rates import CostRate
from plans.pricing.rating_parts import RatingPart


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """One rate's share of an example. parts: its rating parts, each with the units that it covers as text."""

    label: str
    quantity: str
    included: str
    refused: str
    parts: list[tuple[str, RatingPart]]
    amount: str
    rounded: bool


@dataclass(frozen=True, slots=True)
class Example:
    """The amount of an example, “125,000 calls = $134.38”, and its explanation."""

    currency: str
    usage: str
    amount: str
    lines: list[ExampleLine]
    has_fees: bool


@dataclass(frozen=True, slots=True)
class ExampleRate:
    """A rate as on the page, and the quantities for its examples; empty for the default ones."""

    rate: Rate
    tiers: Sequence[Tier]
    quantities: Sequence[Decimal]


def examples(
    plan_feature: PlanFeature, currency: str, example_rates: Sequence[ExampleRate], *, price: Price | None = None
) -> list[Example]:
    """
    Return an example for each quantity; with several rates, the nth quantities of all rates make up the nth example.

    price: its minimum and maximum bound the amounts. Charges on single events are shown for one event of each
        quantity.

    :raises ValueError: if the prices are invalid, with a text for staff.
    """
    meter = plan_feature.feature.meter
    if meter is None:
        raise ValueError(
            _("%(feature)s is not metered, so it can't have a price.") % {"feature": plan_feature.feature}
        )
    # Unsaved rates have no key yet, so their position on the page serves as one.
    rates = [
        replace(build_rate_terms(example_rate.rate, example_rate.tiers), key=position)
        for position, example_rate in enumerate(example_rates)
    ]
    terms = combine_rates(plan_feature, meter, rates, currency, price=price)
    unit = meter.unit
    if plan_feature.consumption == Consumption.CREDITS and currency != CREDITS:  # the price of a credit, not of usage
        terms, unit = replace(terms, included=Decimal(0), rounding=None), CREDIT
    quantities = [
        list(example_rate.quantities) or _usual(terms.included, example_rate) for example_rate in example_rates
    ]
    count = min(MOST, max(map(len, quantities), default=0))
    used = [
        {position: _nth(rate_quantities, index) for position, rate_quantities in enumerate(quantities)}
        for index in range(count)
    ]
    costs = to_cost_rates(meter.unit_costs.filter(currency=currency))
    return [_example(terms, usage, unit, costs) for usage in used]


def _usual(included: Decimal, example_rate: ExampleRate) -> list[Decimal]:
    bounds = sorted(tier.up_to for tier in example_rate.tiers if tier.up_to is not None)
    return default_quantities(bounds=bounds, included=included)


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
    result_rating = rating.rate_usage(terms, usage)
    total_quantity = sum(quantities.values(), Decimal(0))
    return Example(
        currency=terms.currency,
        usage=format_units(total_quantity, unit),
        amount=format_money(result_rating.invoiced_amount, terms.currency),
        lines=[_line(line, terms.currency) for line in result_rating.invoice_lines],
        has_fees=any(part.flat_fee for line in result_rating.invoice_lines for part in line.parts),
    )


def _line(line: rating.RatedLine, currency: str) -> ExampleLine:
    rounded = round_money(line.amount, currency)
    return ExampleLine(
        label=line.label,
        quantity=format_number(line.quantity),
        included=format_number(line.included) if line.included else "",
        refused=format_number(line.refused) if line.refused else "",
        parts=[(format_range(part.start, part.end), part) for part in line.parts],
        amount=format_money(rounded, currency),
        rounded=rounded != line.amount,
    )
