"""The largest and smallest numbers with a price are priced; numbers beyond these bounds are rejected."""

from decimal import Decimal
from functools import partial

import pytest

from plans.pricing.charge_models import (
    Charge,
    Dynamic,
    Flat,
    Graduated,
    InvalidCharge,
    InvalidQuantity,
    Package,
    Percentage,
    PerUnit,
    PriceTier,
    Volume,
)
from plans.pricing.commitments import SpendCommitment
from plans.pricing.rate_usage import RateUsage
from plans.pricing.rates import RateTerms
from plans.pricing.rating_parts import total

D = Decimal
ONE = D(1)
MOST, BEYOND = D("1e50"), D("1e50") + D("1e23")


def charging(price: Decimal) -> list[Charge]:
    ladder = (PriceTier(None, price),)
    return [Flat(price), PerUnit(price), Package(ONE, price), Graduated(ladder), Volume(ladder)]


@pytest.mark.parametrize("price", ["0", "0.000000000001", "999999999999.999999999999", "1e12"])
def test_a_price_within_bounds_is_charged(price):
    assert [total(charge.rate(ONE)) for charge in charging(D(price))] == [D(price)] * 5


@pytest.mark.parametrize("price", ["-0.000000000001", "0.0000000000001", "1000000000000.000000000001"])
@pytest.mark.parametrize(
    ("model", "name"), [(Flat, "The fee"), (PerUnit, "The unit price"), (partial(Package, ONE), "The package price")]
)
def test_a_price_beyond_the_bounds_is_rejected(model, name, price):
    with pytest.raises(InvalidCharge, match=f"^{name} (must be between 0 and|may have at most 12 decimal places)"):
        model(D(price))


SHARED, PROMISED, RATED = (
    partial(Percentage, ONE),
    partial(SpendCommitment, ONE),
    partial(RateTerms, 1, (), PerUnit(ONE)),
)
PADDED = D("1." + "0" * 28 + "1")
"""So long that the default context would take it for 1."""

ENDS = [
    # model      field          last within  first beyond  message
    (Percentage, "percent",         D(1000),     D("1000.1"),  "The percentage must be between 0 and 1000"),
    (Percentage, "percent",         D("1e-10"),  D("1e-11"),   "The percentage may have at most 10 decimal"),
    (SHARED,     "free_events",     10**6,       10**6 + 1,    "Free events may be 0 to 1,000,000"),
    (Dynamic,    "markup",          D(1000),     D("1000.1"),  "A markup is a factor from 0 to 1,000"),
    (Dynamic,    "markup",          D("1e-12"),  PADDED,       "A markup may have at most 12 decimal places"),
    (PROMISED,   "periods",         120,         121,          "A contract lasts 1 to 120 invoice periods"),
    (PROMISED,   "overage_factor",  D(100),      D("100.1"),   "Usage beyond a commitment is charged at 0"),
    (PROMISED,   "discount",        D(100),      D("100.1"),   "A committed discount is at most 100%"),
    (RATED,      "factor",          D(11),       D("11.1"),    "Prices are multiplied by 0 to 11, not 11.1"),
    (RATED,      "factor",          D("1e-24"),  D("1e-25"),   "A factor may have at most 24 decimal places"),
    (RATED,      "factor",          D("1e-24"),  PADDED,       "A factor may have at most 24 decimal places"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "field", "within", "beyond", "message"), ENDS)
def test_a_field_is_accepted_up_to_its_bound_and_no_further(model, field, within, beyond, message):
    assert getattr(model(**{field: within}), field) == within
    with pytest.raises(InvalidCharge, match=f"^{message}"):
        model(**{field: beyond})


@pytest.mark.parametrize("size", ["1e-38", "1e50"])
def test_a_package_or_tier_may_be_as_small_or_large_as_a_quantity(size):
    assert total(Package(D(size), ONE).rate(D(size))) == 1
    assert Graduated((PriceTier(D(size), ONE), PriceTier(None, ONE))).rate(D(size))[0].end == D(size)


@pytest.mark.parametrize("size", ["1e-39", "1.00000000001e50"])
def test_a_package_or_tier_beyond_any_quantity_is_refused(size):
    with pytest.raises(InvalidCharge, match="package size"):
        Package(D(size), ONE)
    with pytest.raises(InvalidCharge, match="Tier 1's upper bound"):
        Graduated((PriceTier(D(size), ONE), PriceTier(None, ONE)))


@pytest.mark.parametrize("charge", charging(ONE), ids=lambda charge: type(charge).__name__)
def test_the_largest_quantity_is_priced_and_more_is_refused(charge):
    assert charge.rate(MOST)[0].amount in (ONE, MOST)
    with pytest.raises(InvalidQuantity):
        charge.rate(BEYOND)


def test_a_per_unit_price_mirrors_the_bound_below_zero():
    assert PerUnit(ONE).rate(-MOST)[0].amount == -MOST
    with pytest.raises(InvalidQuantity):
        PerUnit(ONE).rate(-BEYOND)


def test_the_largest_sum_of_event_costs_is_charged():
    assert total(Dynamic().rate(RateUsage(ONE, carried=MOST))) == MOST
