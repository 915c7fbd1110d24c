"""The table of minor units and py-moneyed, which shows amounts to people, agree on every currency both know."""

import moneyed
import pytest

from lib.currencies import MINOR_UNITS


@pytest.mark.parametrize("code", sorted(MINOR_UNITS.keys() & moneyed.CURRENCIES.keys()))
def test_minor_unit_is_one_of_the_sub_units(code):
    assert MINOR_UNITS[code] * moneyed.CURRENCIES[code].sub_unit == 1
