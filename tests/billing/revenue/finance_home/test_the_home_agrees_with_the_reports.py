"""The figures of the finance home equal those of the reports, now and on the same day of the month before."""

from datetime import date, timedelta
from decimal import Decimal as D
from fractions import Fraction

import pytest

from billing.revenue.accruals.accrual_run import accrue_all
from billing.revenue.finance_home.earned_revenue import read_earned_revenue
from billing.revenue.finance_home.invoices_and_cash import BUCKETS, read_invoices_and_cash
from billing.revenue.finance_home.month_to_date import month_to_date
from billing.revenue.finance_home.mrr import read_mrr_to_date
from billing.revenue.ledger.books import read_books
from billing.revenue.metrics.reports import read_mrr_report
from billing.revenue.reports.income import report_income
from billing.revenue.reports.posting_rows import read_posting_rows
from billing.revenue.reports.receivable_ages import report_aging
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.payments.manual_payments import record_payment
from invoices.payments.write_offs import write_off
from tests.billing.revenue.accruals.accrual_setup import lock, metered, priced, subscribed, use
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import fee, make_customer, make_plan, make_seller, publish, subscribe

pytestmark = pytest.mark.django_db
NOW = moment("2026-03-20T12:00:00")


@pytest.fixture
def customer():
    return make_customer("acme", seller=make_seller(currency="EUR"))


def invoice(customer, net, at, *, currency="EUR"):
    lines = [line(net, at, f"{moment(at) + timedelta(days=30):%Y-%m-%d}")]
    return issue_invoice(customer, lines, at=at, currency=currency)


def pay(row, at, amount=None):
    record_payment(
        invoice_id=row.pk,
        amount=D(amount) if amount else row.total.amount,
        method="manual",
        reference=f"{at}{amount}",
        at=moment(at),
    )


@pytest.fixture
def books(customer):
    """Fill three months with invoices that are paid late, in part, credited, written off and open."""
    old = invoice(customer, "100", "2026-01-02")
    paid_late = invoice(customer, "200", "2026-01-20")
    credited = invoice(customer, "300", "2026-02-10")
    lost = invoice(customer, "50", "2026-02-12")
    dollars = invoice(customer, "80", "2026-02-15", currency="USD")
    invoice(customer, "70", "2026-03-05")
    pay(old, "2026-02-01", "40")
    pay(paid_late, "2026-03-01")
    pay(dollars, "2026-03-10", "30")
    at = moment("2026-03-02")
    issue_credit_note(invoice_id=credited.pk, lines=[RequestedCredit(1, D(100))], reason="x", to="offset", at=at)
    write_off(invoice_id=lost.pk, reason="insolvent", at=moment("2026-03-03"))
    return customer.seller


def test_the_span_ends_on_the_same_day_and_time_of_the_month_before():
    span = month_to_date(make_seller(time_zone="Europe/Berlin"), at=NOW)
    assert (span.today, span.same_day, span.days_left) == (date(2026, 3, 20), date(2026, 2, 20), 11)
    assert span.same_time.isoformat() == "2026-02-20T13:00:00+01:00"
    longer = month_to_date(make_seller("other"), at=moment("2026-03-31"))
    assert (longer.same_day, longer.same_time) == (date(2026, 2, 28), moment("2026-03-01"))


@pytest.mark.parametrize("day", ["2026-02-14", "2026-03-01", "2026-03-02", "2026-03-20", "2026-03-31"])
def test_open_amounts_equal_the_aging_report_now_and_then(books, day):
    span = month_to_date(books, at=moment(day))
    receivables = read_invoices_and_cash(read_books(books, at=span.at), span).receivables
    for currency in ("EUR", "USD"):
        for at, shown in ((span.at, "now"), (span.same_time, "then")):
            total = report_aging(books, currency=currency, at=at).rows[-1]
            expected = {bucket: total.values.get(bucket) or D(0) for bucket in BUCKETS}
            row = receivables.get(currency)
            found = getattr(row, shown) if row else {}
            assert {bucket: found.get(bucket, D(0)) for bucket in BUCKETS} == expected, (currency, shown)


def test_billed_and_collected_amounts_stop_at_the_same_day(books, customer):
    amounts = read_invoices_and_cash(read_books(books, at=NOW), month_to_date(books, at=NOW))
    assert amounts.billed["EUR"] == (D(-30), D(350), 2), "70 less a credit note of 100; 300 and 50 in February"
    assert amounts.billed["USD"] == (D(0), D(80), 0)
    assert amounts.collected["EUR"] == (D(200), D(40), 1)
    assert amounts.collected["USD"] == (D(30), D(0), 1)
    assert amounts.collected["EUR"].change == 4
    assert amounts.collected["USD"].change is None, "nothing was collected by then"


def test_money_of_a_locked_month_that_is_booked_later_is_collected_now_as_in_the_books(books, customer):
    seller = customer.seller
    late = invoice(customer, "10", "2026-02-16")
    early = invoice(customer, "5", "2026-03-12")
    for month in ("2026-01", "2026-02"):
        lock(seller, month, at="2026-03-04")
    record_payment(
        invoice_id=late.pk,
        amount=D(10),
        method="manual",
        reference="bank:1:1",
        at=moment("2026-03-15"),
        paid_at=moment("2026-02-27"),
    )
    # Paid before it was issued: it pays from then on.
    record_payment(
        invoice_id=early.pk,
        amount=D(5),
        method="manual",
        reference="bank:2:1",
        at=moment("2026-03-15"),
        paid_at=moment("2026-02-27"),
    )
    collected = read_invoices_and_cash(read_books(books, at=NOW), month_to_date(books, at=NOW)).collected["EUR"]
    filters = {"role": "cash", "month": "2026-03", "source": "payment,balance,refund"}
    rows = read_posting_rows(seller, currency="EUR", filters=filters, at=NOW)
    assert (collected.now, collected.rows) == (rows.total, rows.count) == (D(215), 3)


def test_sandbox_customers_and_other_sellers_have_no_part(books):
    other = make_customer("other", seller=make_seller("other"))
    sandbox = make_customer("tried", seller=books, sandbox=True)
    for stranger in (other, sandbox):
        pay(invoice(stranger, "1000", "2026-03-01"), "2026-03-02")
        invoice(stranger, "1000", "2026-02-01")
    amounts = read_invoices_and_cash(read_books(books, at=NOW), month_to_date(books, at=NOW))
    assert amounts.billed["EUR"].now == -30
    assert amounts.collected["EUR"].now == 200
    assert amounts.receivables["EUR"].total().now == D(330)


def test_revenue_by_month_equals_the_income_report(books):
    earned = read_earned_revenue(read_books(books, at=NOW), month_to_date(books, at=NOW))
    for currency in ("EUR", "USD"):
        report = report_income(books, currency=currency, at=NOW)
        assert {month: earned[currency].total(month) for month in earned[currency].by_month} == {
            row.values["month"]: row.values["income"] for row in report.rows
        }


def test_fees_to_come_are_the_rest_of_issued_lines(customer):
    issue_invoice(customer, [line("90", "2026-03-01", "2026-05-30")], at="2026-03-01")
    span = month_to_date(customer.seller, at=moment("2026-03-21"))
    earned = read_earned_revenue(read_books(customer.seller, at=span.at), span)["EUR"]
    assert (earned.total(span.month), earned.fees_to_come) == (D(20), D(11))
    assert earned.outlook is None or earned.outlook.least == 31


def test_usage_days_add_up_to_the_month_and_the_forecast_follows_the_last_weeks(customer):
    calls = metered()
    subscription = subscribed([priced(calls, "1")], "2026-01-01", customer=customer)
    for day, quantity in [("2026-01-10", 100), ("2026-02-20", 70), ("2026-03-02", 7), ("2026-03-10", 14)]:
        use(subscription, calls, quantity, day)
    accrue_all(at=NOW)
    span = month_to_date(customer.seller, at=NOW)
    (earned,) = read_earned_revenue(read_books(customer.seller, at=NOW), span).values()
    of_march = {day: amount for day, amount in earned.usage_days.items() if day >= span.month}
    assert sum(of_march.values()) == earned.total(span.month) == 21
    assert of_march[date(2026, 3, 10)] == 14
    assert earned.usage(span, "EUR").then == 70, "by February 20"
    # Windows end on March 19, 12, 5 and February 26: 0, 14, 7 and 70 a week; 11 days are left.
    assert earned.outlook == (21, 21, 21 + Fraction(70, 7) * 11)


def test_mrr_and_its_movements_equal_the_report(customer):
    seller = customer.seller
    for code, amount, since in [("a", "30", "2026-01-01"), ("b", "50", "2026-02-10"), ("c", "20", "2026-03-05")]:
        version = publish(make_plan(f"plan-{code}", fees=[fee(amount)]))
        subscribe(make_customer(code, seller=seller), version, moment(since))
    for now in (NOW, moment("2026-02-05"), moment("2026-01-05")):
        span = month_to_date(seller, at=now)
        found = read_mrr_to_date(read_books(seller, at=now), span)["USD"]
        report = read_mrr_report(seller=seller, currency="USD", at=now)
        assert found.now == report.last.shown("USD").closing
        assert {kind: amount for kind, (amount, _count) in found.movements.items()} == {
            kind: amount for kind, amount in report.last.shown("USD").movements.items() if amount
        }
        if span.same_time >= moment("2026-01-05"):
            assert found.then == read_mrr_report(seller=seller, currency="USD", at=span.same_time).last.closing
