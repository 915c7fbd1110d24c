"""The table of minor units agrees with py-moneyed, which formats amounts, on every currency in both."""

import moneyed
import pytest

from lib.currencies import MINOR_UNITS


@pytest.mark.parametrize("code", sorted(MINOR_UNITS.keys() & moneyed.CURRENCIES.keys()))
def test_minor_unit_is_one_of_the_sub_units(code):
    assert MINOR_UNITS[code] * moneyed.CURRENCIES[code].sub_unit == 1
