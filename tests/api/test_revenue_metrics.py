"""MRR, movements, retention and cohorts over HTTP, for keys with the scope `revenue:read` alone."""

from datetime import UTC, datetime

import pytest
import time_machine

from billing.subscriptions import generate_periods, set_quantity
from tests.api.calls import Caller, problem
from tests.builders import FEB, JAN, fee, make_customer, make_plan, make_seller, publish, subscribe

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 11, tzinfo=UTC)
REPORTS = ("mrr", "retention", "cohorts")


@pytest.fixture(autouse=True)
def company():
    version = publish(
        make_plan(
            fees=[
                fee("100"),
                fee("10", label="Seats", basis="seat"),
                fee("9", currency="EUR"),
                fee("1", label="Seats", basis="seat", currency="EUR"),
            ]
        )
    )
    grows = subscribe(make_customer("grows"), version)
    subscribe(make_customer("late"), version, starts_at=FEB)
    subscribe(make_customer("euro"), version, currency="EUR")
    subscribe(make_customer("tried", sandbox=True), version)
    generate_periods(until=FEB)
    set_quantity(subscription=grows, fee_code="seats", quantity=5, at=FEB)
    generate_periods(until=NOW)
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def caller():
    return Caller(scopes=["revenue:read"])


def test_mrr_is_read_by_month(caller):
    report = caller.get("/revenue/mrr", seller="acme", months="2").json()
    assert (report["seller"], report["currency"], report["as_of"]) == ("acme", "USD", "2026-03-11T00:00:00Z")
    assert (report["arr"], report["arpa"], report["churn_rate"]) == ("3000.00", "125.00", "0.0000")
    assert report["quick_ratio"] is None
    february, march = report["months"]
    nothing = dict.fromkeys(("reactivation", "contraction", "churn"), "0.00")
    assert february == nothing | {
        "month": "2026-02",
        "locked": False,
        "complete": True,
        "opening": "100.00",
        "new": "100.00",
        "expansion": "50.00",
        "closing": "250.00",
        "gross": "250.00",
        "usage": None,
        "customers": 2,
        "gained": 1,
        "lost": 0,
    }
    assert (march["month"], march["complete"], march["opening"], march["closing"]) == (
        "2026-03",
        False,
        *2 * ["250.00"],
    )


def test_movements_are_read_by_customer_in_pages(caller):
    arguments = {"seller": "acme", "month": "2026-02"}
    page = caller.get("/revenue/movements", **arguments, limit="1").json()
    assert (page["total"], page["movements"]) == (
        2,
        [{"customer": "late", "kind": "new", "opening": "0.00", "amount": "100.00", "closing": "100.00"}],
    )
    (expansion,) = caller.get("/revenue/movements", **arguments, kind="expansion").json()["movements"]
    assert (expansion["customer"], expansion["amount"]) == ("grows", "50.00")


def test_a_currency_is_reported_by_itself(caller):
    report = caller.get("/revenue/mrr", seller="acme", currency="EUR").json()
    assert [month["closing"] for month in report["months"]] == ["9.00"] * 3


def test_retention_and_cohorts_are_read(caller):
    young = caller.get("/revenue/retention", seller="acme").json()
    assert (young["month"], young["customers"], young["net_retention"]) == ("2026-03", 0, None)
    assert caller.get("/revenue/cohorts", seller="acme").json()["cohorts"] == [
        {"month": "2026-01", "revenue": ["100.00", "150.00", "150.00"], "customers": [1, 1, 1]},
        {"month": "2026-02", "revenue": ["100.00", "100.00"], "customers": [1, 1]},
    ]
    later = datetime(2027, 2, 10, tzinfo=UTC)
    generate_periods(until=later)
    with time_machine.travel(later, tick=False):
        grown = caller.get("/revenue/retention", seller="acme", until="2027-01").json()
    assert (grown["then"], grown["now"], grown["kept"]) == ("100.00", "150.00", "100.00")
    assert (grown["net_retention"], grown["gross_retention"], grown["customer_retention"]) == (
        "1.5000",
        *["1.0000"] * 2,
    )


@pytest.mark.parametrize("report", [*REPORTS, "movements"])
def test_other_scopes_and_sandbox_keys_see_nothing(caller, report):
    arguments = {"seller": "acme", "month": "2026-02"}
    problem(Caller(scopes=["ingest", "read", "manage"]).get(f"/revenue/{report}", **arguments), 403, "scope-missing")
    problem(Caller(scopes=["revenue:read"], sandbox=True).get(f"/revenue/{report}", **arguments), 404, "not-found")


def test_an_unknown_seller_or_one_without_subscriptions_is_not_found(caller):
    make_seller("idle")
    for seller in ("nobody", "idle", ""):
        problem(caller.get("/revenue/mrr", seller=seller), 404, "not-found")


INVALID = [
    # report      field       value         words
    ("mrr", "currency", "GBP", "choose from USD, EUR"),
    ("mrr", "until", "March", "2026-01"),
    ("mrr", "until", "2025-01", "from 2026-01 to 2026-03"),
    ("mrr", "months", "0", "1 to 120"),
    ("mrr", "months", "many", "1 to 120"),
    ("movements", "kind", "loss", "new, expansion"),
    ("movements", "month", "", "Name the month"),
    ("movements", "month", "2027-01", "from 2026-01 to 2026-03"),
    ("movements", "limit", "201", "1 to 200"),
    ("movements", "offset", "-1", "0 to 1,000,000"),
]


@pytest.mark.parametrize(("report", "field", "value", "words"), INVALID)
def test_a_bad_parameter_is_named_with_a_way_out(caller, report, field, value, words):
    arguments = {"seller": "acme"} | ({"month": "2026-02"} if report == "movements" else {}) | {field: value}
    body = problem(caller.get(f"/revenue/{report}", **arguments), 400, "invalid-fields")
    assert [error["field"] for error in body["errors"]] == [field]
    assert words in body["errors"][0]["detail"]


def test_the_first_month_of_the_books_is_the_first_start(caller):
    report = caller.get("/revenue/mrr", seller="acme").json()
    assert report["months"][0]["month"] == f"{JAN:%Y-%m}"
