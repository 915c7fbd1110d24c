"""What late usage comes to is told before it is billed, and where it never is."""

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


def told(**asked: str) -> list[tuple[str, Decimal | None]]:
    return [(row.customer, row.amount) for row in report_late_usage(**asked).rows]


def late_customer(name: str, quantity: int, *, seller: str = "late", currency: str = "USD", **policy: str) -> None:
    offers = [offer("api.calls", rates=[rate("0.05")], currency=currency)]
    version = publish(make_plan(f"for-{name}", fees=[fee("20", billed="arrears", currency=currency)], offers=offers))
    customer = make_customer(name, seller=make_seller(seller, **policy), currency=currency)
    subscription = subscribe(customer, version)
    use(subscription, "api.calls", 100)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", quantity)


def test_with_what_it_comes_to_by_policy_and_currency():
    late_customer("a", 40)
    late_customer("b", -20)
    late_customer("c", 100, seller="reports", late_usage="report_only", currency="JPY")
    assert sorted(told()) == [("a", 2), ("b", -1), ("c", 5)]
    assert report_late_usage().totals == {("next_invoice", "USD"): 1, ("report_only", "JPY"): 5}
    assert told(customer="a") == [("a", 2)]
    assert told(policy="report_only") == [("c", 5)]
    assert report_late_usage(sandbox=True).rows == ()


def test_with_the_commitment_that_it_settles():
    """Of 100.00 that were promised, 40.00 were made up: late usage within them costs nothing more."""
    offers = [offer("api.calls", rates=[rate("1")])]
    version = publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers, commitments=[commitment(100)]))
    subscription = subscribe(make_customer("promised"), version)
    use(subscription, "api.calls", 60)
    close_due(at=FEB + HOUR)
    use(subscription, "api.calls", 55)
    assert told() == [("promised", 15)]
    use(subscription, "api.calls", 100, at=FEB)
    close_due(at=MAR + HOUR)
    assert Invoice.objects.latest("id").net.amount == 135, "20 for the fee, 100 for February, and what was told"
    assert told() == []


def test_in_a_fixed_number_of_statements():
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            report_late_usage()
        return len(captured)

    for number in range(2):
        late_customer(f"few-{number}", 10)
    asked()
    few = asked()
    for number in range(6):
        late_customer(f"more-{number}", 10)
    assert asked() == few


def test_with_the_reason_where_it_cannot_be_priced(monkeypatch: pytest.MonkeyPatch):
    late_customer("a", 40)

    def broken(*_: object) -> Decimal:
        raise ValueError("no price")

    monkeypatch.setattr("billing.closing.late_usage.report.late_amount", broken)
    (row,) = report_late_usage().rows
    assert (row.amount, row.problem, row.starts_at) == (None, "no price (ValueError)", JAN)
