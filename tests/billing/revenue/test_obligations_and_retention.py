"""Remaining performance obligation, and retention on recognized revenue: docs/metrics.md."""

from datetime import date
from decimal import Decimal

import pytest

from billing.revenue.finance_home.earned_revenue import read_earned_revenue
from billing.revenue.finance_home.forecast_report import report_forecast
from billing.revenue.finance_home.month_to_date import month_to_date
from billing.revenue.ledger.books import read_books
from billing.revenue.reports.obligations import read_open_commitments
from billing.revenue.reports.posting_rows import read_posting_rows
from billing.revenue.reports.registry import read_report
from lib.money import round_money
from tests.billing.revenue.accruals.accrual_setup import close, metered, priced, subscribed, use
from tests.billing.revenue.book_setup import issue_invoice, line, moment
from tests.builders import commitment, make_customer, make_seller
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db
D = Decimal
AT = moment("2026-02-10")


@pytest.fixture
def subscription():
    """Return a subscription with 1,200.00 committed for twelve months, of which 100.00 is invoiced."""
    customer = make_customer(currency="EUR")
    issue_invoice(customer, [line("365.00", "2026-01-01", "2027-01-01")], at="2026-01-01")
    calls = metered()
    committed = [commitment(1200, currency="EUR", periods=12)]
    subscription = subscribed(
        [priced(calls, "1")], "2026-01-01", customer=customer, anchor="calendar", commitments=committed
    )
    use(subscription, calls, 100, "2026-01-10")
    close("2026-02-02")
    return subscription


def test_obligations_are_as_documented(subscription):
    report = read_report("obligations", subscription.customer.seller, currency="EUR", at=AT)
    (documented,) = rows("metrics.md", "Remaining performance obligation")
    assert [row.values["amount"] for row in report.rows] == [D(amount) for amount in documented.values()]


def test_the_terms_behind_the_figure_say_since_when_and_how_much(subscription):
    """The term began at midnight in UTC, which was still the old year in New York."""
    seller = subscription.customer.seller
    for zone, since in (("UTC", date(2026, 1, 1)), ("America/New_York", date(2025, 12, 31))):
        seller.time_zone = zone
        (term,) = read_open_commitments(seller, currency="EUR", at=AT).rows
        assert (term.subscription_id, term.customer_id) == (subscription.pk, subscription.customer_id)
        assert (term.since, term.guaranteed, term.amount) == (since, 1200, 1100)


def test_usage_counts_toward_a_commitment_once_it_is_invoiced(subscription):
    seller = subscription.customer.seller
    use(subscription, metered_feature(subscription), 30, "2026-02-05")
    assert read_open_commitments(seller, currency="EUR", at=AT).total == 1100
    close("2026-03-02")
    assert read_open_commitments(seller, currency="EUR", at=moment("2026-03-10")).total == 1070


def metered_feature(subscription):
    return subscription.version.features.get().feature


def test_a_commitment_without_a_true_up_guarantees_nothing():
    committed = [commitment(1200, currency="EUR", trues_up=False)]
    subscription = subscribed([priced(metered(), "1")], "2026-02-01", commitments=committed)
    assert read_open_commitments(subscription.customer.seller, currency="EUR", at=AT).count == 0


def test_retention_on_revenue_is_as_documented():
    (documented,) = rows("metrics.md", "Retention on revenue")
    seller = make_seller()
    then, now = (documented[name].split(", ") for name in ("then", "now"))
    customers = [make_customer(seller=seller) for _ in then]
    for customer, amount in zip(customers, then, strict=True):
        issue_invoice(customer, [line(amount, "2025-01-01", "2025-02-01")], at="2025-01-01")
    credited = make_customer(seller=seller)
    issue_invoice(make_customer(seller=seller), [line("9", "2025-03-01", "2025-04-01")], at="2025-03-01")
    issue_invoice(
        credited, [line("-5", "2025-01-01", "2025-02-01"), line("5", "2025-03-01", "2025-04-01")], at="2025-01-01"
    )
    newcomer = make_customer(seller=seller)
    for customer, amount in [*zip(customers, now, strict=True), (newcomer, "80")]:
        if amount != "–":
            issue_invoice(customer, [line(amount, "2026-01-01", "2026-02-01")], at="2026-01-01")
    (month,) = read_report("revenue-retention", seller, currency="EUR", at=AT).rows
    assert month.values["month"].isoformat() == "2026-01-01"
    assert [f"{month.values[name]}%" for name in ("net", "gross")] == [documented["NRR"], documented["GRR"]]
    assert (month.values["customers"], month.values["kept_customers"]) == (3, 2)
    for column in ("then", "now"):
        rows_behind = read_posting_rows(seller, currency="EUR", filters=month.filters[column], at=AT)
        assert rows_behind.total == month.values[column]


def test_the_forecast_is_that_of_the_finance_home(subscription):
    seller = subscription.customer.seller
    (row,) = report_forecast(seller, currency="EUR", at=AT).rows
    outlook = read_earned_revenue(read_books(seller, at=AT), month_to_date(seller, at=AT))["EUR"].outlook
    assert row.values["likely"] == round_money(outlook.likely, "EUR")
    assert row.values["recognized"] == D("9.00")
    assert row.values["fees_to_come"] == D("19.00")
