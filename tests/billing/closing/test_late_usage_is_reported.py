"""The late usage report shows amounts before they are billed, and those that never are."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.closing import close_due
from billing.closing.late_usage.report import report_late_usage
from invoices.models import Invoice
from tests.builders import (
    FEB,
    JAN,
    MAR,
    commitment,
    fee,
    make_customer,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def reported_amounts(**filters: str) -> list[tuple[str, Decimal | None]]:
    return [(row.customer, row.amount) for row in report_late_usage(**filters).rows]


def late_customer(name: str, quantity: int, *, seller: str = "late", currency: str = "USD", **policy: str) -> None:
    offers = [offer("api.calls", rates=[rate("0.05")], currency=currency)]
    version = publish(make_plan(f"for-{name}", fees=[fee("20", billed="arrears", currency=currency)], offers=offers))
    customer = make_customer(name, seller=make_seller(seller, **policy), currency=currency)
    subscription = subscribe(customer, version)
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", quantity)


def test_the_report_has_amounts_by_policy_and_currency():
    late_customer("a", 40)
    late_customer("b", -20)
    late_customer("c", 100, seller="reports", late_usage="report_only", currency="JPY")
    assert sorted(reported_amounts()) == [("a", 2), ("b", -1), ("c", 5)]
    assert report_late_usage().totals == {("next_invoice", "USD"): 1, ("report_only", "JPY"): 5}
    assert reported_amounts(customer="a") == [("a", 2)]
    assert reported_amounts(policy="report_only") == [("c", 5)]
    assert report_late_usage(sandbox=True).rows == ()


def test_the_report_considers_the_commitment():
    """Of a commitment of 100.00, the true-up billed 40.00: late usage within it costs nothing more."""
    offers = [offer("api.calls", rates=[rate("1")])]
    version = publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers, commitments=[commitment(100)]))
    subscription = subscribe(make_customer("promised"), version)
    use(subscription, "api.calls", 60)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 55)
    assert reported_amounts() == [("promised", 15)]
    use(subscription, "api.calls", 100, at=FEB)
    close_due(at=MAR + HOUR)
    assert Invoice.objects.latest("id").net.amount == 135, "20 for the fee, 100 for February, and the late usage"
    assert reported_amounts() == []


def test_the_report_takes_a_fixed_number_of_queries():
    def query_count() -> int:
        with CaptureQueriesContext(connection) as captured:
            report_late_usage()
        return len(captured)

    for number in range(2):
        late_customer(f"few-{number}", 10)
    query_count()
    few = query_count()
    for number in range(6):
        late_customer(f"more-{number}", 10)
    assert query_count() == few


def test_the_report_has_the_reason_where_usage_can_not_be_priced(monkeypatch: pytest.MonkeyPatch):
    late_customer("a", 40)

    def broken(*_: object) -> Decimal:
        raise ValueError("no price")

    monkeypatch.setattr("billing.closing.late_usage.report.late_amount", broken)
    (row,) = report_late_usage().rows
    assert (row.amount, row.problem, row.starts_at) == (None, "no price (ValueError)", JAN)
