"""Revenue reports over HTTP, also in one currency for all books."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import time_machine

from customers.exchange_rates.ecb_file import PublishedRate
from customers.exchange_rates.stored_rates import import_rates
from tests.api.calls import Caller, problem
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 11, tzinfo=UTC)


@pytest.fixture(autouse=True)
def books():
    import_rates([PublishedRate(date(2026, 1, 1), "USD", Decimal("1.1"))], at=NOW)
    customer = make_customer(seller=make_seller())
    issue_invoice(customer, [line("10.00", "2026-01-01", "2026-02-01")], at="2026-01-01", currency="USD")
    issue_invoice(customer, [line("100.00", "2026-01-01", "2026-02-01")], at="2026-01-01")
    with time_machine.travel(NOW, tick=False):
        yield


def read(code, **query):
    return Caller(scopes=["revenue:read"]).get(f"/revenue/{code}", seller="acme", **query)


def test_a_report_in_one_currency_adds_up_all_books():
    report = read("income", **{"in": "USD"}).json()
    assert (report["currency"], report["is_converted"], report["missing_rates"]) == ("USD", True, [])
    assert report["rows"][0]["income"] == "120.00"


def test_currencies_apart_are_left_out():
    assert read("income", **{"in": "USD", "apart": "EUR"}).json()["rows"][0]["income"] == "10.00"


def test_a_missing_rate_is_named():
    report = read("income", **{"in": "SEK"}).json()
    assert report["rows"][-1]["income"] is None
    assert "SEK" in report["missing_rates"][0]


@pytest.mark.parametrize("code", ["income", "forecast"])
def test_an_empty_currency_is_the_sellers(code):
    assert read(code, currency="").json() == read(code).json()
    problem(read(code, currency="XXQ"), 400, "invalid-fields")


@pytest.mark.parametrize(("code", "currency"), [("income", "XXQ"), ("aging", "USD")])
def test_an_unknown_currency_or_report_is_refused(code, currency):
    problem(read(code, **{"in": currency}), 400, "invalid-fields")
