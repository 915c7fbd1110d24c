"""A percentage charges the value of events: some of them free, each within its bounds."""

from decimal import Decimal
from fractions import Fraction as F

import pytest
from hypothesis import given

from lib.decimals import EXACT, ZERO
from plans.pricing.charge_models import InvalidCharge, InvalidQuantity, Percentage
from plans.pricing.rate_usage import RateUsage
from plans.pricing.rating_parts import total
from tests.pricing import independent_rater
from tests.pricing.strategies import LAW, percentages, worth
from tests.pricing.worked_numbers import rows

D = Decimal
VALUES = tuple(map(D, (50, 100, 250, 400)))


def usage(values: tuple[Decimal, ...]) -> RateUsage:
    return RateUsage(sum(values, ZERO), len(values), values)


def parse_optional(text: str) -> Decimal | None:
    return D(text) if text else None


@pytest.mark.parametrize("row", rows("percentage"), ids=lambda row: row["why"])
def test_a_percentage_is_charged_as_documented(row):
    charge = Percentage(
        D(row["percent"]),
        fixed_fee=D(row["fixed fee"]),
        free_events=int(row["free events"]),
        free_value=D(row["free value"]),
        minimum=parse_optional(row["minimum"]),
        maximum=parse_optional(row["maximum"]),
    )
    parts = charge.rate(usage(VALUES))
    assert (total(parts), len(parts)) == (D(row["amount"]), int(row["parts"]))


@LAW
@given(percentages, worth)
def test_it_equals_charging_the_events_one_by_one(charge, values):
    assert F(total(charge.rate(usage(values)))) == independent_rater.percentage(
        charge, [F(value) for value in values]
    )


@LAW
@given(percentages, worth)
def test_single_values_are_required_only_if_they_are_read(charge, values):
    summed = RateUsage(sum(values, ZERO), len(values))
    if charge.reads == "events":
        assert charge.rate(summed) == charge.rate(usage(values))
    else:
        with pytest.raises(InvalidQuantity, match=r"^This percentage applies to each event's value, but only"):
            charge.rate(summed)


@LAW
@given(percentages, worth)
def test_every_part_is_its_units_at_its_price_plus_its_fee(charge, values):
    for part in charge.rate(usage(values)):
        assert part.amount == EXACT.add(EXACT.multiply(part.units, part.unit_price), part.flat_fee)
        assert (part.start, part.end) == (ZERO, None)


def test_more_credited_than_used_costs_nothing():
    assert Percentage(D(2)).rate(usage((D(10), D(-30)))) == ()
    assert total(Percentage(D(2), minimum=D(1)).rate(usage((D(100), D(-300))))) == D(3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"percent": D(-1)}, "The percentage must be between 0 and 1000"),
        ({"percent": D("NaN")}, "finite"),
        ({"percent": D("1e-11")}, "at most 10 decimal places"),
        ({"percent": D(1), "fixed_fee": D(-1)}, "The fixed fee must be between 0"),
        ({"percent": D(1), "free_events": -1}, "Free events may be 0 to 1,000,000"),
        ({"percent": D(1), "free_events": 1_000_001}, "Free events may be 0 to 1,000,000"),
        ({"percent": D(1), "free_value": D(-1)}, "The free value must be above 0"),
        ({"percent": D(1), "minimum": D(-1)}, "minimum per event must be between 0"),
        ({"percent": D(1), "maximum": D(-1)}, "maximum per event must be between 0"),
        ({"percent": D(1), "minimum": D(3), "maximum": D(2)}, "above the maximum"),
    ],
)
def test_an_invalid_percentage_is_rejected(fields, message):
    with pytest.raises(InvalidCharge, match=message):
        Percentage(**fields)
