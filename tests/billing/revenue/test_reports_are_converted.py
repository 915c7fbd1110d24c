"""Reports in one currency: docs/exchange-rates.md#reports-in-one-currency."""

import json
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command

from billing.revenue.reports.conversion import read_report_currency
from billing.revenue.reports.entries import currencies_of
from billing.revenue.reports.registry import NotConvertible, read_report
from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.billing.revenue.test_a_locked_month_is_frozen import lock
from tests.builders import make_customer, make_seller
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db
D = Decimal
APRIL = moment("2026-04-10")


def store_rates(*rates: tuple[str, str, str]) -> None:
    """Store rates, given as (day, currency, units per euro)."""
    published = [PublishedRate(date.fromisoformat(day), currency, D(rate)) for day, currency, rate in rates]
    import_rates(published, at=moment("2026-12-31"))


def report(seller, code, currency, *, at=APRIL, apart=(), **options):
    into = read_report_currency(seller, currency, currencies=currencies_of(seller, at=at), at=at, apart=apart)
    return read_report(code, seller, currency=currency, at=at, into=into, **options)


def row(report, month):
    (found,) = [row.values for row in report.rows if row.values["month"] == date.fromisoformat(f"{month}-01")]
    return found


@pytest.fixture
def customer():
    return make_customer(seller=make_seller("US", currency="USD"), currency="EUR")


@pytest.fixture(params=["open", "locked"])
def seller(request, customer):
    """Return a seller in dollars with books in euros, and rates that change each month."""
    store_rates(
        *(("2026-01-01", "USD", "1.10"), ("2026-01-30", "USD", "1.15"), ("2026-02-27", "USD", "1.0703")),
        *(("2026-03-31", "USD", "1.1301"), ("2026-01-01", "SEK", "11.37"), ("2026-03-02", "SEK", "10.91")),
    )
    issue_invoice(customer, [line("400.00", "2026-01-01", "2026-02-01")], at="2026-01-01", currency="SEK")
    issue_invoice(customer, [line("365.00", "2026-01-01", "2027-01-01")], at="2026-01-01")
    quarter = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    record_payment(
        invoice_id=quarter.pk, amount=D("90.00"), method="manual", reference="bank", at=moment("2026-01-20")
    )
    issue_credit_note(
        invoice_id=quarter.pk,
        lines=[RequestedCredit(1, D("45.00"))],
        reason="agreed",
        to="balance",
        at=moment("2026-02-01"),
    )
    debtor = make_customer(seller=customer.seller)
    doubtful = issue_invoice(debtor, [line("31.00", "2026-02-01", "2026-03-01")], at="2026-02-01")
    write_off(invoice_id=doubtful.pk, reason="", at=moment("2026-02-15"))
    issue_invoice(customer, [line("31.00", "2026-01-15", "2026-02-15", kind="usage")], at="2026-02-16")
    issue_invoice(customer, [line("77.77", "2026-02-03", "2026-03-19")], at="2026-03-20")
    if request.param == "locked":
        lock(customer.seller, "2026-01-01", at="2026-02-20")
        lock(customer.seller, "2026-02-01", at="2026-03-05")
    return customer.seller


def test_deferred_revenue_keeps_the_rate_of_issue_and_receivables_have_the_closing_one(customer):
    store_rates(("2026-01-01", "USD", "1.10"), ("2026-01-31", "USD", "1.15"))
    issue_invoice(customer, [line("1200.00", "2026-01-01", "2027-01-01")], at="2026-01-01")
    documented = {entry["figure"]: D(entry["January"]) for entry in rows("exchange-rates.md", "Worked month")}
    for figure, amount in documented.items():
        code, _comma, column = figure.partition(", ")
        january = row(report(customer.seller, code, "USD", at=moment("2026-02-01")), "2026-01")
        assert january[column or "income"] == amount, figure


def test_a_payment_at_another_rate_is_an_exchange_difference(customer):
    store_rates(("2026-01-01", "USD", "1.20"), ("2026-01-20", "USD", "1.10"))
    invoice = issue_invoice(customer, [line("30.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    record_payment(invoice_id=invoice.pk, amount=D("30.00"), method="manual", reference="x", at=moment("2026-01-20"))
    at, seller = moment("2026-02-01"), customer.seller
    balances = {
        values["role"]: values["closing"]
        for values in (r.values for r in report(seller, "trial-balance", "USD", at=at, until=date(2026, 1, 1)).rows)
    }
    assert balances["cash"] == D("33.00")
    assert balances["revenue"] == D("-36.00")
    assert balances["exchange differences"] == D("3.00")
    assert row(report(seller, "income", "USD", at=at), "2026-01")["exchange"] == D("-3.00")


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_converted_books_balance(seller, currency):
    *_rows, total = report(seller, "trial-balance", currency, since=date(2026, 1, 1), until=date(2026, 4, 1)).rows
    assert total.values["closing"] == 0
    assert total.values["debits"] == total.values["credits"] > 0


@pytest.mark.parametrize("currency", ["USD", "EUR"])
@pytest.mark.parametrize("code", ["deferred", "prepaid", "unbilled", "receivables"])
def test_converted_movements_add_up_to_the_closing_balance(seller, code, currency):
    rolled = report(seller, code, currency)
    movements = [column.code for column in rolled.columns[1:] if not column.is_total]
    for values in (row.values for row in rolled.rows):
        assert values["opening"] + sum(values.get(name, 0) for name in movements) == values["closing"]
    for after, before in pairwise(row.values for row in rolled.rows):
        assert before["closing"] == after["opening"]


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_converted_rows_and_columns_of_the_waterfall_add_up(seller, currency):
    waterfall = report(seller, "waterfall", currency)
    by_row = {row.values["booked"]: row.values for row in waterfall.rows}
    place = list(by_row).index("lines")
    for code in (column.code for column in waterfall.columns[1:]):
        assert sum(values.get(code, 0) for values in list(by_row.values())[:place]) == by_row["lines"][code]
    for values in by_row.values():
        assert values["earned"] == sum(amount for code, amount in values.items() if code.startswith("earned:"))
        if "total" in values:
            assert values["total"] == values["earned"] + values["deferred"]


def test_rounding_is_shown(customer):
    store_rates(("2026-01-01", "USD", "1.10333"))
    for kind in ("one_off", "usage"):
        issue_invoice(customer, [line("10.00", "2026-01-01", "2026-01-02", kind=kind)], at="2026-01-05")
    january = row(report(customer.seller, "income", "USD"), "2026-01")
    (documented,) = rows("exchange-rates.md", "Rounding")
    cells = [january["kind:one_off"], january["kind:usage"]]
    assert cells == [D(text) for text in documented["cells"].split(", ")]
    assert (january["income"], january["rounding"]) == (D(documented["total"]), D(documented["rounding"]))


def test_books_in_the_currency_of_the_report_are_not_converted(customer):
    issue_invoice(customer, [line("31.00", "2026-01-01", "2026-02-01")], at="2026-01-01", currency="USD")
    assert report(customer.seller, "income", "USD").rows[0].values["income"] == D("31.00")


def test_books_apart_are_left_out(seller):
    both, dollars_and_kronor = (report(seller, "income", "USD", apart=apart) for apart in ((), ("EUR",)))
    assert row(both, "2026-01")["income"] > row(dollars_and_kronor, "2026-01")["income"] == D("38.70")


def test_a_cell_without_a_rate_is_empty_and_names_the_rate(customer):
    store_rates(("2026-02-01", "USD", "1.10"))
    issue_invoice(customer, [line("59.00", "2026-01-01", "2026-03-01")], at="2026-01-01")
    issue_invoice(customer, [line("31.00", "2026-01-01", "2026-02-01")], at="2026-01-01", currency="USD")
    issue_invoice(customer, [line("31.00", "2026-03-01", "2026-04-01")], at="2026-03-01")
    income = report(customer.seller, "income", "USD")
    assert row(income, "2026-01")["income"] is None
    assert row(income, "2026-03")["income"] == D("34.10")
    assert income.missing_rates == ("There is no rate of USD on or before 2026-01-31. Import one.",)
    for code in ("waterfall", "deferred", "receivables", "trial-balance"):
        assert report(customer.seller, code, "USD").missing_rates, code


def test_a_report_without_a_converted_form_is_refused_by_name(customer):
    with pytest.raises(NotConvertible, match="aging"):
        report(customer.seller, "aging", "USD")


def test_amounts_of_the_books_stay_as_they_are(seller):
    before = read_report("income", seller, currency="EUR", at=APRIL).as_json()
    report(seller, "income", "USD")
    assert read_report("income", seller, currency="EUR", at=APRIL).as_json() == before


def test_the_command_prints_one_report_of_all_books(customer, capsys):
    store_rates(("2026-01-01", "USD", "1.10"))
    issue_invoice(customer, [line("10.00", "2026-01-01", "2026-02-01")], at="2026-01-01", currency="USD")
    issue_invoice(customer, [line("100.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    call_command("revenue", "--in", "USD", "--month", "2026-01", "--json")
    (printed,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [row["income"] for row in printed["rows"]] == ["120.00"]
    call_command("revenue", "--report", "forecast")
    assert "days_left" in capsys.readouterr().out
    with pytest.raises(CommandError, match="aging"):
        call_command("revenue", "--report", "aging", "--in", "USD")
