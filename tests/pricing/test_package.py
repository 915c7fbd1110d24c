"""A started package is due in full, and a full one is exactly one."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.charge_models import InvalidCharge, InvalidQuantity, Package
from plans.pricing.rating_parts import total
from tests.pricing.strategies import LAW, sizes
from tests.pricing.worked_numbers import rows

D = Decimal
LEAST = D("1e-9")


@pytest.mark.parametrize(
    "row", rows("package"), ids=lambda row: f"{row['quantity']} by {row['size']} {row['rounding']}"
)
def test_packages_are_charged_as_documented(row):
    parts = Package(D(row["size"]), D(row["price"]), row["rounding"]).rate(D(row["quantity"]))
    assert total(parts) == D(row["amount"]), row["why"]
    sold = [(part.start, str(part.units), str(part.end)) for part in parts]
    assert sold == ([(0, row["packages"], row["to"])] if row["to"] else [])


@LAW
@given(sizes, st.integers(1, 10**9))
def test_packages_are_exact_at_every_boundary(size, count):
    package, full = Package(size, D(1)), size * count
    assert total(package.rate(full - LEAST)) == count
    assert total(package.rate(full)) == count
    assert total(package.rate(full + LEAST)) == count + 1


@LAW
@given(sizes, st.integers(1, 10**9))
def test_only_full_packages_count_when_rounded_down(size, count):
    package, full = Package(size, D(1), "down"), size * count
    assert total(package.rate(full - LEAST)) == count - 1
    assert total(package.rate(full)) == count
    assert total(package.rate(full + LEAST)) == count


@pytest.mark.parametrize(
    ("size", "price", "rounding", "message"),
    [
        ("0", "1", "up", "The package size must be above 0"),
        ("-1", "1", "up", "package size must be above 0"),
        ("NaN", "1", "up", "package size must be a finite"),
        ("1e-39", "1", "up", "at most 38 decimal places"),
        ("1", "-0.01", "up", "The package price must be between 0"),
        ("1", "1", "nearest", "'up' or 'down'"),
    ],
)
def test_an_invalid_package_is_rejected(size, price, rounding, message):
    with pytest.raises(InvalidCharge, match=message):
        Package(D(size), D(price), rounding)


def test_usage_below_zero_has_no_packages():
    with pytest.raises(InvalidQuantity, match="-1"):
        Package(D(10), D(1)).rate(D(-1))
