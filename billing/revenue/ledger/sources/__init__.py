"""
The sources of postings: one module for each, with the SELECT of its rows.

All of them return `ROW`, and read the parameters of `live_postings.parameters` from the row `b`: the months of the
books. A row has a place k among the months, counted from 1, for the month it belongs to and the month it is first
booked in.
"""

from lib.currencies import MINOR_UNITS

ROW = """
    currency, service, booked, customer_id, source, source_id, debit, credit, amount, kind, plan_id, feature_id,
    fee_id, pack_id, country, tax_name, tax_rate, method
"""
"""The columns of a source's rows; `service` and `booked` are places of months."""


def place_sql(at: str) -> str:
    """Return the SQL for the place of the month that contains a time; times before the books count as the first."""
    return f"least(width_bucket({at}, b.ends) + 1, b.last)"


def last_place_sql(until: str) -> str:
    """Return the SQL for the place of the month that contains the last instant before a time."""
    return f"least(width_bucket({until}, b.after_ends) + 1, b.last)"


def month_place_sql(month: str) -> str:
    """
    Return the SQL for the place of a month that a row names, or NULL if it is not in the books.

    A running month has two places, for the time that is past and the rest; the first one is meant.
    """
    return f"array_position(b.months, {month})"


def _units_by_currency() -> str:
    codes: dict[int, list[str]] = {}
    for code, unit in MINOR_UNITS.items():
        places = -int(unit.as_tuple().exponent)
        if places not in (2, 12):
            codes.setdefault(10**places, []).append(f"'{code}'")
    cases = " ".join(f"WHEN {{0}} IN ({', '.join(names)}) THEN {units}" for units, names in sorted(codes.items()))
    return f"(CASE {cases} ELSE 100 END)"


_UNITS = _units_by_currency()


def units_sql(currency: str) -> str:
    """Return the SQL for the number of minor units in one unit of a currency."""
    return _UNITS.replace("{0}", currency)


def rounded_sql(numerator: str, denominator: str, units: str) -> str:
    """
    Return the SQL for a quotient rounded half away from zero to a currency's minor unit, exactly.

    The division of numerics rounds to sixteen digits, and rounding that again may move a half; `div` does not.

    denominator: above zero.
    """
    return (
        f"(sign({numerator}) * div(2 * abs({numerator}) * {units} + {denominator}, 2 * {denominator})"
        f" / {units}::numeric)"
    )
