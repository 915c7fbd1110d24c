"""The rows under a line show its stored explanation in words."""

from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from invoices.rendering.formats import Figures
from invoices.rendering.line_explanation import PriceText, Working, explain_line
from plans.pricing.charge_models import Flat, Graduated, Package, PerUnit, PriceTier, Volume
from tests.invoices.rendering.samples import fee, usage_line

D = Decimal
LADDER = (PriceTier(D(10_000), D("0.01")), PriceTier(D(50_000), D("0.005"), D(5)), PriceTier(None, D("0.002")))


SEATS = {
    "fee": "10",
    "included": "2",
    "segments": [
        {"quantity": "5", "billable": "3", "share": "1/2", "from": "2026-04-01T00:00:00+00:00"}
        | {"to": "2026-04-16T00:00:00+00:00"},
        {"quantity": "7", "billable": "5", "share": "1/2", "from": "2026-04-16T00:00:00+00:00"}
        | {"to": "2026-05-01T00:00:00+00:00"},
    ],
    "cumulative": "40.00",
    "claimed_before": "30.00",
    "formula": "40.00 − 30.00",
}


def test_seats_are_explained_part_by_part():
    line = replace(fee("10"), explanation=SEATS)
    rows_ = [(row.label, row.quantity, row.amount) for row in workings_of(line).rows]
    assert rows_ == [
        ("Included", "2", "€0.00"),
        ("1–15 Apr 2026: 3 × €10.00 × 1/2", "", ""),
        ("16–30 Apr 2026: 5 × €10.00 × 1/2", "", ""),
        ("Already billed", "", "-€30.00"),
    ]


def level(number: str, start: str, end: str) -> dict[str, str]:
    return {"level": number, "from": f"2026-10-{start}:00+00:00", "to": f"2026-10-{end}:00+00:00"}


def test_levels_over_time_are_listed_with_their_times():
    line = usage_line("Storage", PerUnit(D("0.25")), "7.5")
    levels = [level("5", "01T00:00", "16T12:00"), level("10", "16T12:00", "31T23:00")]
    rows = workings_of(replace(line, explanation={**line.explanation, "levels": levels})).rows
    assert [row.label for row in rows][-2:] == [
        "5 from 1 Oct 2026, 00:00 to 16 Oct 2026, 12:00",
        "10 from 16 Oct 2026, 12:00 to 31 Oct 2026, 23:00",
    ]


def test_many_levels_are_cut_with_a_remark():
    line = usage_line("Storage", PerUnit(D("0.25")), "7.5")
    levels = [level(str(day), f"{day:02}T00:00", f"{day + 1:02}T00:00") for day in range(1, 21)]
    rows = workings_of(replace(line, explanation={**line.explanation, "levels": levels})).rows
    assert rows[-1].label == "Further changes of the level are in the list of the line’s events."
    assert sum(" from " in row.label for row in rows) == 12


def test_a_one_time_add_on_has_its_price():
    line = replace(fee("1000"), quantity=D(2), explanation={"fee": "500", "taken": "2", "formula": "2 × 500"})
    assert workings_of(line).price == PriceText("€500.00")


def test_a_coupon_shows_its_base_amount_and_has_no_unit_price():
    percent = {"coupon": "TEN", "percent": "12.5", "of": "40.00", "taken": "5.00", "formula": "12.5% of 40.00"}
    amount = {"coupon": "FIVE", "amount": "5.00", "of": "40.00", "taken": "5.00", "formula": "5.00 off 40.00"}
    workings = [
        workings_of(replace(fee("-5"), kind="coupon", explanation=explanation)) for explanation in (percent, amount)
    ]
    assert [line.price for line in workings] == [None, None]
    assert [[row.label for row in line.rows] for line in workings] == [["€40.00 × 12.5%"], []]


def test_an_earlier_discount_is_a_separate_row():
    """Usage decreased by €20.00, of which a coupon had already credited €5.00."""
    less = {"billed_before": "100.00", "cumulative": "80.00", "given_before": "5", "quantity": "80"}
    line = replace(fee("15"), kind="usage_credit", explanation=less | {"quantity_before": "100"})
    assert [(row.label, row.amount) for row in workings_of(line).rows] == [
        ("Already billed", "€100.00"),
        ("Recalculated amount", "-€80.00"),
        ("Already credited or discounted", "-€5.00"),
    ]


def test_a_true_up_shows_the_commitment_and_its_use():
    true_up = {"promised": "145.00", "spent": "120.00", "within": "120.00", "beyond": "0.00", "units": "200"}
    line = replace(fee("25"), kind="true_up", explanation=true_up)
    assert [(row.label, row.quantity, row.amount) for row in workings_of(line).rows] == [
        ("Committed units", "200", ""),
        ("Minimum commitment", "", "€145.00"),
        ("Usage counted toward the commitment", "", "€120.00"),
        ("Usage within the commitment", "", "€120.00"),
    ]


def test_a_usage_line_shows_its_parts_of_a_commitment():
    line = usage_line("Calls", PerUnit(D(1)), "50")
    parts = {"commitment": {"within": "30.00", "beyond": "20.00"}}
    line = replace(line, explanation={**line.explanation, **parts})
    assert [row.label for row in workings_of(line).rows] == [
        "Usage within the commitment: €30.00",
        "Usage beyond the commitment: €20.00",
    ]


def workings_of(line):
    return explain_line(line, figures=Figures(Locale.parse("en_IE"), "EUR", ZoneInfo("UTC")))


CASES = [
    # charge             quantity   included  rows as "label | quantity | price | amount"
    (
        Graduated(LADDER),
        "60000",
        "1000",
        [
            "Included | 1,000 | free | €0.00",
            "Billed units 1 to 10,000 | 10,000 | €10.00 per 1,000 | €100.00",
            "Billed units 10,001 to 50,000 | 40,000 | €5.00 per 1,000 + flat fee €5.00 | €205.00",
            "Billed units above 50,000 | 9,000 | €2.00 per 1,000 | €18.00",
        ],
    ),
    (
        Graduated((PriceTier(D(10), D("1.50"), D(0), D(12)), PriceTier(None, D(1)))),
        "11",
        "0",
        [
            "Units 1 to 10 | 10 | €1.50 | €15.00",
            "Maximum of the tier |  |  | -€3.00",
            "Units above 10 | 1 | €1.00 | €1.00",
        ],
    ),
    (Graduated(LADDER), "250", "0", ["Units 1 to 10,000 | 250 | €0.01 | €2.50"]),
    (
        Volume(LADDER),
        "20000",
        "0",
        ["All units, at the price of 10,001 to 50,000 | 20,000 | €5.00 per 1,000 + flat fee €5.00 | €105.00"],
    ),
    (Volume(LADDER), "60000", "0", ["All units, at the price above 50,000 | 60,000 | €2.00 per 1,000 | €120.00"]),
    (Package(D(1000), D("0.9")), "12345", "0", ["Packages of 1,000 | 13 | €0.90 | €11.70"]),
    (Flat(D(49)), "12", "0", ["All units | 12 | flat fee €49.00 | €49.00"]),
    (
        PerUnit(D("0.0125")),
        "603",
        "500",
        [
            "Included | 500 | free | €0.00",
            "Beyond the allowance | 103 | €0.0125 | €1.2875",
            "Exact sum €1.2875, rounded to €1.29",
        ],
    ),
    (PerUnit(D("0.01")), "100", "500", ["Included | 100 | free | €0.00"]),
    (
        Graduated((PriceTier(D("0.5"), D(2)), PriceTier(None, D(1)))),
        "0.75",
        "0",
        ["Units 0 to 0.5 | 0.5 | €2.00 | €1.00", "Units above 0.5 | 0.25 | €1.00 | €0.25"],
    ),
]


def text_of_row(row: Working) -> str:
    if not row.amount:
        return row.label
    price = (
        ""
        if row.price is None
        else " + ".join(filter(None, (f"{row.price.text} {row.price.per}".strip(), row.price.flat)))
    )
    return f"{row.label} | {row.quantity} | {price} | {row.amount}"


@pytest.mark.parametrize(("charge", "quantity", "included", "rows"), CASES)
def test_each_part_of_the_amount_is_a_row(charge, quantity, included, rows):
    assert [
        text_of_row(row) for row in workings_of(usage_line("API calls", charge, quantity, included=included)).rows
    ] == rows


def test_a_single_price_is_on_the_line_itself():
    line = workings_of(usage_line("Tokens", PerUnit(D("0.0000025")), "48000000"))
    assert (line.price, line.rows) == (PriceText("€2.50", "per 1,000,000"), ())


def test_rounding_is_a_row():
    (remark,) = workings_of(usage_line("Tokens", PerUnit(D("0.0000025")), "48213977")).rows
    assert remark == Working("Exact sum €120.5349425, rounded to €120.53")


def test_usage_refused_by_a_hard_cap_is_shown_as_not_charged():
    line = workings_of(usage_line("Reports", PerUnit(D(1)), "120", included="100", model="hard_cap"))
    assert line.rows[-1] == Working("Rejected above the hard cap", "20", PriceText("not charged"), "€0.00")


def test_usage_paid_by_a_wallet_is_marked_instead_of_a_zero_price():
    line = usage_line("Tokens", PerUnit(D(0)), "48000000")
    paid = replace(line, explanation={**line.explanation, "wallet": "XCR"})
    assert (workings_of(paid).price, workings_of(paid).rows) == (PriceText("paid from the wallet"), ())


def test_a_late_usage_line_subtracts_the_billed_amount():
    line = usage_line("API calls (late)", PerUnit(D("0.0121")), "1300")
    stored = {"cumulative": "15.73", "billed_before": "12.10", "quantity_before": "1000"}
    late = replace(line, quantity=D(300), amount=D("3.63"), explanation={**line.explanation, **stored})
    assert workings_of(late).rows == (
        Working("All units", "1,300", PriceText("€0.0121"), "€15.73"),
        Working("Already billed", "1,000", None, "-€12.10"),
    )


def test_a_full_fee_has_its_price_and_a_share_shows_its_base():
    assert workings_of(fee("499.00")).price == PriceText("€499.00")
    share = workings_of(fee("9.67", explanation={"fee": "19.99", "share": "15/31"}))
    assert (share.price, share.rows) == (None, (Working("€19.99 × 15/31"),))


def test_an_unreadable_explanation_is_an_error():
    with pytest.raises(KeyError):
        workings_of(fee("1.00", explanation={"parts": [{"from": "0"}]}))
