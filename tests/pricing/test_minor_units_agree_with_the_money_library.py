"""The table of minor units agrees with py-moneyed, which formats amounts, on every currency in both."""

import moneyed

from lib.currencies import MINOR_UNITS


def test_minor_unit_is_one_of_the_sub_units():
    codes = sorted(MINOR_UNITS.keys() & moneyed.CURRENCIES.keys())

    assert len(codes) >= 160
    assert [code for code in codes if MINOR_UNITS[code] * moneyed.CURRENCIES[code].sub_unit != 1] == []
