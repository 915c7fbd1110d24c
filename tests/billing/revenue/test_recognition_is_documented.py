"""The tables of docs/recognition.md, through invoices and postings."""

from datetime import date
from decimal import Decimal

import pytest

from invoices.credit_notes import issue_credit_note
from invoices.credit_notes.credit_note import RequestedCredit
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from tests.billing.revenue.book_setup import changes, issue_invoice, line, moment
from tests.billing.revenue.test_prepaid_value_is_earned_when_used import buy_pack, estimate, use
from tests.builders import fee, make_customer, make_plan, make_wallet, publish
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db
D = Decimal
LATER = "2027-06-10"


def amounts(text: str) -> list[Decimal]:
    return [D(amount) for amount in text.split(",")]


def by_month(seller, role: str) -> list[Decimal]:
    return [D(amount) for amount in changes(seller, role, at=LATER).values()]


@pytest.fixture
def customer():
    """Return a customer of a seller whose books begin in 2025."""
    customer = make_customer()
    issue_invoice(customer, [line("0.00", "2025-12-01", "2026-01-01")], at="2025-12-01")
    return customer


@pytest.fixture
def day_fee():
    """Return a fee of a version that prorates by the day."""
    return publish(make_plan(fees=[fee("120")], proration="day")).fees.get()


@pytest.mark.parametrize("row", rows("recognition.md", "Schedules"), ids=lambda row: f"{row['net']} {row['why']}")
def test_a_line_is_earned_as_documented(customer, day_fee, row):
    net, _space, currency = row["net"].partition(" ")
    fields = {"kind": "fee", "fee_id": day_fee.pk} if row["by"] == "day" else {}
    lines = [line(net, row["service from"], row["to"], **fields)]
    if net.startswith("-"):
        lines.append(line("31.00", "2025-12-01", "2026-01-01"))  # an invoice is never below zero
    issue_invoice(customer, lines, at=row["service from"], currency=currency or "EUR")
    earned = by_month(customer.seller, "revenue")
    assert earned[int(net.startswith("-")) :] == amounts(row["months"])


@pytest.mark.parametrize("row", rows("recognition.md", "One-time fees"), ids=lambda row: row["recognition"])
def test_a_one_time_fee_is_earned_as_documented(customer, row):
    setup = fee(
        "120",
        kind="one_time",
        code="setup",
        recognition=row["recognition"],
        recognition_months=int(row["months"]) if row["months"] else None,
    )
    stored = publish(make_plan(fees=[setup])).fees.get()
    issue_invoice(
        customer, [line("120.00", "2026-01-15", "2026-02-15", kind="fee", fee_id=stored.pk)], at="2026-01-15"
    )
    assert by_month(customer.seller, "revenue") == amounts(row["earned"])


@pytest.mark.parametrize("row", rows("recognition.md", "Breakage"), ids=lambda row: row["why"])
def test_breakage_follows_the_estimates_as_documented(row):
    wallet = make_wallet()
    estimate(wallet, row["expected"], "2026-01-01")
    if row["from February"]:
        estimate(wallet, row["from February"], "2026-02-01")
    buy_pack(wallet, at="2026-01-05", price="9000", units="10000")
    use(wallet, "4500", at="2026-01-20")
    use(wallet, "4000", at="2026-02-20")
    seller = wallet.customer.seller
    earned = [changes(seller, role, at="2026-04-10") for role in ("revenue", "breakage")]
    for month, column in (("2026-01", "January"), ("2026-02", "February")):
        assert sum(D(sums.get(month, "0")) for sums in earned) == D(row[column])


def month_after(text: str, count: int) -> str:
    day = date.fromisoformat(text)
    months = day.year * 12 + day.month - 1 + count
    return f"{months // 12}-{months % 12 + 1:02}"


@pytest.mark.parametrize("row", rows("recognition.md", "Credit notes"), ids=lambda row: row["why"])
def test_a_credit_note_is_split_as_documented(customer, row):
    invoice = issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
    before = changes(customer.seller, "deferred", at=LATER)
    revenue_before = changes(customer.seller, "revenue", at=LATER)
    issue_credit_note(
        invoice_id=invoice.pk,
        lines=[RequestedCredit(1, D(row["credited"]))],
        reason="agreed",
        to="offset",
        at=moment(row["on"]),
    )
    seller, on = customer.seller, row["on"][:7]
    assert sum(by_month(seller, "credit_notes"), D(0)) == D(row["credit notes"])
    revenue = changes(seller, "revenue", at=LATER)
    expected = amounts(row["months after it"])
    assert [D(revenue.get(month_after(row["on"], count), "0")) for count in range(len(expected))] == expected
    held_back = D(revenue_before.get(on, "0")) - D(revenue.get(on, "0"))
    change = D(changes(seller, "deferred", at=LATER).get(on, "0")) - D(before.get(on, "0"))
    assert change - held_back == D(row["deferred"])


@pytest.mark.parametrize(
    "row", rows("recognition.md", "Write-offs"), ids=lambda row: f"{row['net']} {row['paid before']}"
)
def test_a_write_off_is_split_as_documented(customer, row):
    invoice = issue_invoice(customer, [line(row["net"], row["service from"], row["to"])], at=row["service from"])
    pay = {"invoice_id": invoice.pk, "method": "manual"}
    if D(row["paid before"]):
        record_payment(amount=D(row["paid before"]), reference="first", at=moment("2026-01-20"), **pay)
    write_off(invoice_id=invoice.pk, reason="insolvent", at=moment("2026-02-01"))
    if D(row["paid later"]):
        record_payment(amount=D(row["paid later"]), reference="later", at=moment("2026-05-05"), **pay)
    seller = customer.seller
    bad_debt = changes(seller, "bad_debt", at=LATER)
    assert D(bad_debt["2026-02"]) == D(row["bad debt"])
    assert -D(bad_debt.get("2026-05", "0")) == D(row["bad debt back"])
    assert D(changes(seller, "recoveries", at=LATER).get("2026-05", "0")) == D(row["recovery"])
    revenue, expected = changes(seller, "revenue", at=LATER), amounts(row["later months"])
    assert [D(revenue.get(month_after("2026-02-01", count), "0")) for count in range(len(expected))] == expected
    deferred = changes(seller, "deferred", at=LATER)
    assert D(deferred["2026-02"]) + D(revenue.get("2026-02", "0")) == D(row["deferred"])
