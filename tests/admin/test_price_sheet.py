"""The price sheet shows a version as customers read it, and edits its figures as the forms of its pages do."""

import pytest

from plans.catalog.price_sheet import read_sheet
from plans.models import Price, Rate
from tests.builders import fee, make_plan, offer, rate, tier

TWO = ("USD", "EUR")


def lines_of(version, **how):
    """Return (label, note, texts by currency) of each line of the usage sections."""
    sheet = read_sheet(version, **how)
    return [
        (line.label, line.note, {currency: cell.text for currency, cell in line.cells.items()})
        for section in sheet.sections
        if section.plan_feature is not None
        for line in section.lines
        if line.shared is None
    ]


CASES = {
    "flat": ([rate("29", model="flat")], [("Price", "", {"USD": "$29.00"})]),
    "per_unit": ([rate("0.0000025")], [("Price", "per million calls", {"USD": "$2.50"})]),
    "package": (
        [rate("3", model="package", package_size="1000")],
        [("Price", "per package of 1,000 calls", {"USD": "$3.00"})],
    ),
    "graduated": (
        [rate(tiers=[tier("50000", "0.0005", 2), tier(None, "0.0004", maximum=90)])],
        [
            ("1 – 50,000", "per 1,000 calls", {"USD": "$0.50"}),
            ("", "tier fee", {"USD": "$2.00"}),
            ("from 50,001", "per 1,000 calls", {"USD": "$0.40"}),
            ("", "tier maximum", {"USD": "$90.00"}),
        ],
    ),
    "volume": (
        [rate(tiers=[tier("10", "2"), tier(None, "1")], model="volume")],
        [("1 – 10", "per call", {"USD": "$2.00"}), ("from 11", "per call", {"USD": "$1.00"})],
    ),
    "percentage": (
        [rate(model="percentage", percent="2.9", fixed_fee="0.3", free_events=5)],
        [
            ("Price", "percentage", {"USD": "2.9%"}),
            ("", "fixed fee", {"USD": "$0.30"}),
            ("", "free events", {"USD": "5"}),
        ],
    ),
    "graduated_percentage": (
        [
            rate(
                model="graduated_percentage",
                tiers=[tier("1000", 0, percent="3"), tier(None, 0, percent="2")],
            )
        ],
        [("1 – 1,000", "percentage", {"USD": "3%"}), ("from 1,001", "percentage", {"USD": "2%"})],
    ),
    "dynamic": ([rate(model="dynamic", markup="1.2")], [("Price", "markup", {"USD": "1.2"})]),
}


@pytest.mark.parametrize("model", CASES)
def test_shows_every_charge_model(db, model):
    rates, expected = CASES[model]
    assert lines_of(make_plan(offers=[offer("calls", rates=rates)])) == expected
