"""From lines to the amount due: the sum of the lines, the tax per rate on that sum, and the total."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.amounts.totals import ORDER, Tax, TaxSum, total_up, total_up_credit
from tests.docs_tables import rows

VAT, REDUCED, NONE = Tax("VAT", Decimal(19)), Tax("VAT", Decimal(7)), Tax("VAT", Decimal(0), "Reverse charge")
CENTRAL, STATE = Tax("CGST", Decimal(9)), Tax("SGST", Decimal(9))

CASES = [
    # lines                                     currency  net       tax      total     why
    ([], "USD", "0", "0", "0", "no lines, nothing due"),
    ([("19.99", VAT)], "USD", "19.99", "3.80", "23.79", "3.7981 is rounded half up"),
    ([("0.50", VAT)] * 3, "USD", "1.50", "0.29", "1.79", "once on 1.50 (0.285), not three times 0.10"),
    ([("10.00", VAT), ("10.00", REDUCED)], "EUR", "20.00", "2.60", "22.60", "each rate has a sum of its own"),
    ([("10.00", VAT), ("5.00", NONE)], "EUR", "15.00", "1.90", "16.90", "exempt lines add no tax"),
    ([("10.00", VAT), ("-4.00", VAT)], "USD", "6.00", "1.14", "7.14", "credits lower the tax"),
    ([("-0.50", VAT)] * 1, "USD", "-0.50", "-0.10", "-0.60", "ties go away from zero on either side"),
    ([("1000", VAT), ("3", VAT)], "JPY", "1003", "191", "1194", "yen have no decimals: 190.57"),
    ([("1.001", VAT)], "KWD", "1.001", "0.190", "1.191", "dinars have three"),
    ([("100.00", Tax("GST", Decimal("12.345")))], "USD", "100.00", "12.35", "112.35", "12.345 is rounded half up"),
]


@pytest.mark.parametrize(("lines", "currency", "net", "tax", "total", "why"), CASES)
def test_lines_add_up_to_the_totals(lines: list, currency: str, net: str, tax: str, total: str, why: str):
    totals = total_up([(Decimal(amount), under) for amount, under in lines], currency)
    assert (totals.net, totals.tax, totals.total) == (Decimal(net), Decimal(tax), Decimal(total)), why


def test_each_rate_and_reason_has_its_own_sum():
    exempt = Tax("VAT", Decimal(0), "Exempt")
    totals = total_up([(Decimal(1), VAT), (Decimal(2), NONE), (Decimal(4), exempt), (Decimal(8), VAT)], "USD")
    assert totals.taxes == (
        TaxSum(VAT, Decimal(9), Decimal("1.71")),
        TaxSum(NONE, Decimal(2), Decimal("0.00")),
        TaxSum(exempt, Decimal(4), Decimal("0.00")),
    )


def test_a_line_may_have_the_taxes_of_a_state_and_a_county():
    state, county = Tax("State", Decimal("8.25")), Tax("County", Decimal("2.1"))
    totals = total_up([(Decimal("10.10"), state, county), (Decimal(5), state)], "USD")
    assert [(tax.taxable, tax.amount) for tax in totals.taxes] == [
        (Decimal("15.10"), Decimal("1.25")),  # 1.24575
        (Decimal("10.10"), Decimal("0.21")),  # 0.2121
    ]
    assert totals.total == Decimal("16.56")


INCLUDED = [
    # lines                              currency  net      taxes                  why
    ([("11.90", VAT)], "EUR", "10.00", ["1.90"], "11.90 ÷ 1.19"),
    ([("3.00", VAT)], "EUR", "2.52", ["0.48"], "2.521 without tax; the rest is tax, so that 3.00 are paid"),
    ([("0.03", VAT)], "EUR", "0.03", ["0.00"], "0.0252 without tax"),
    ([("0.10", VAT)] * 3, "EUR", "0.25", ["0.05"], "once on 0.30 (0.252), not three times 0.08"),
    ([("11.90", VAT), ("10.70", REDUCED)], "EUR", "20.00", ["1.90", "0.70"], "each rate by itself"),
    ([("11.90", VAT), ("5.00", NONE)], "EUR", "15.00", ["1.90", "0.00"], "exempt lines include no tax"),
    ([("11.90", VAT), ("-2.38", VAT)], "EUR", "8.00", ["1.52"], "credits include their tax"),
    ([("1190", VAT)], "JPY", "1000", ["190"], "yen have no decimals"),
    ([("118.00", CENTRAL, STATE)], "INR", "100.00", ["9.00", "9.00"], "two taxes of one rate, by name"),
    (
        [("1.00", CENTRAL, STATE)],
        "INR",
        "0.85",
        ["0.08", "0.07"],
        "0.15 shared by largest remainder, the first first",
    ),
]


@pytest.mark.parametrize(("lines", "currency", "net", "taxes", "why"), INCLUDED)
def test_amounts_that_include_tax_add_up_to_the_total(lines: list, currency: str, net: str, taxes: list, why: str):
    taxed_amounts = [(Decimal(amount), *under) for amount, *under in lines]
    totals = total_up(taxed_amounts, currency, includes_tax=True)
    assert (totals.net, [tax.amount for tax in totals.taxes]) == (Decimal(net), [Decimal(tax) for tax in taxes]), why
    assert totals.total == totals.net + totals.tax == sum(amount for amount, *_ in taxed_amounts)


def test_a_tax_of_several_lines_that_include_it_has_one_sum():
    city = Tax("City", Decimal(6))
    lines = [(Decimal(119), VAT), (Decimal("125.00"), VAT, city)]

    totals = total_up(lines, "EUR", includes_tax=True)

    assert totals.taxes == (
        TaxSum(VAT, Decimal(200), Decimal(38)),
        TaxSum(city, Decimal(100), Decimal(6)),
    )


def test_a_credit_note_says_whether_its_amounts_include_tax():
    for includes_tax in (False, True):
        note = total_up_credit(
            [(Decimal(119), VAT)], "EUR", credited_before=[], taxes_before=[], includes_tax=includes_tax
        )
        assert note.includes_tax is includes_tax


def test_a_credit_note_without_lines_is_over_an_exact_zero():
    note = total_up_credit([], "EUR", credited_before=[(Decimal(119), VAT)], taxes_before=[])

    assert [type(amount) for amount in (note.net, note.tax, note.total)] == [Decimal] * 3


def test_the_order_of_the_steps_is_one_list():
    assert [step.__name__ for step in ORDER] == ["_sum_lines", "_tax_each_rate", "_add_tax"]


CENTS = [Decimal(step).scaleb(-2) for step in (-1, 0, 1)]
cents = st.integers(-(10**12), 10**12).map(lambda number: Decimal(number).scaleb(-2))
taxes = st.sampled_from([VAT, REDUCED, NONE, Tax("GST", Decimal("8.875"))])


@given(st.lists(st.tuples(cents, taxes), max_size=20))
def test_taxable_sums_are_the_net_and_taxes_are_the_tax(taxed_amounts: list[tuple[Decimal, Tax]]):
    totals = total_up(taxed_amounts, "USD")
    assert totals.net == sum(amount for amount, _ in taxed_amounts) == sum(tax.taxable for tax in totals.taxes)
    assert totals.tax == sum(tax.amount for tax in totals.taxes)
    assert totals.total == totals.net + totals.tax


@given(st.lists(st.tuples(cents, taxes), max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(taxed_amounts: list[tuple[Decimal, Tax]], random):
    shuffled = list(taxed_amounts)
    random.shuffle(shuffled)
    assert total_up(shuffled, "USD").total == total_up(taxed_amounts, "USD").total


@given(st.lists(st.tuples(cents, taxes), min_size=1, max_size=20))
def test_no_tax_is_off_by_more_than_half_a_cent(taxed_amounts: list[tuple[Decimal, Tax]]):
    for tax in total_up(taxed_amounts, "USD").taxes:
        exact = tax.taxable * tax.tax.rate / 100
        assert abs(tax.amount - exact) <= Decimal("0.005")


def test_each_credit_note_credits_the_cumulative_tax_less_earlier_notes():
    taxed: list[TaxSum] = []
    credited: list[tuple[Decimal, Tax]] = []
    for row in rows("invoices.md", "credit-notes"):
        totals = total_up_credit(
            [(Decimal(row["credited"]), VAT)], "EUR", credited_before=credited, taxes_before=taxed
        )
        assert totals.tax == Decimal(row["tax"]), row["why"]
        assert totals.total == Decimal(row["total"]), row["why"]
        credited.append((Decimal(row["credited"]), VAT))
        before = taxed[0] if taxed else TaxSum(VAT, Decimal(0), Decimal(0))
        taxed = [TaxSum(VAT, before.taxable + totals.net, before.amount + totals.tax)]


@given(st.lists(st.tuples(cents, taxes), min_size=1, max_size=20))
def test_a_net_amount_whose_tax_fits_the_gross_is_chosen(taxed_amounts: list[tuple[Decimal, Tax]]):
    """EN 16931, BR-CO-17, as far as amounts that include tax allow: otherwise the tax differs by a cent at most."""
    for tax_sum in total_up(taxed_amounts, "USD", includes_tax=True).taxes:
        gross = tax_sum.taxable + tax_sum.amount
        recomputed = [total_up([(tax_sum.taxable + step, tax_sum.tax)], "USD").tax for step in CENTS]
        fitting = [step for step, tax in zip(CENTS, recomputed, strict=True) if tax_sum.taxable + step + tax == gross]
        assert fitting in ([], [Decimal(0)])
        assert abs(tax_sum.amount - recomputed[1]) <= (0 if fitting else Decimal("0.01"))


@given(st.lists(st.tuples(cents, taxes), min_size=1, max_size=12), st.booleans())
def test_credit_notes_for_all_lines_add_up_to_the_whole_invoice(
    taxed_amounts: list[tuple[Decimal, Tax]], includes_tax
):
    whole = total_up(taxed_amounts, "USD", includes_tax=includes_tax)
    credited: dict[Tax, TaxSum] = {}
    total = Decimal(0)
    for place, amount_and_tax in enumerate(taxed_amounts):
        given_before = {"taxes_before": list(credited.values()), "includes_tax": includes_tax}
        note = total_up_credit([amount_and_tax], "USD", credited_before=taxed_amounts[:place], **given_before)
        total += note.total
        for tax in note.taxes:
            before = credited.get(tax.tax, TaxSum(tax.tax, Decimal(0), Decimal(0)))
            credited[tax.tax] = TaxSum(tax.tax, before.taxable + tax.taxable, before.amount + tax.amount)
    assert total == whole.total
    assert set(credited.values()) == set(whole.taxes)
