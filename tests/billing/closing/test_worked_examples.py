"""The worked numbers of docs/closing.md, from usage to the issued invoice."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.closing import close_due
from invoices.models import Invoice
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate, subscribe, use
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)

CASES = [(row["calls"], row["invoice"], row["why"]) for row in rows("closing.md", "a-month")]


@pytest.mark.parametrize(("calls", "total", "why"), CASES)
def test_a_month_bills_its_fee_and_its_overage(calls: str, total: str, why: str):
    offers = [offer("api.calls", included=200, rates=[rate("0.05")])]
    version = publish(make_plan("starter", fees=[fee("19.99", billed="arrears")], offers=offers))
    subscription = subscribe(make_customer(), version)
    if calls != "0":
        use(subscription, "api.calls", calls, at=JAN)
    close_due(at=AT)
    assert Invoice.objects.get().total.amount == Decimal(total), why


def test_a_line_explains_its_amount():
    version = publish(make_plan("starter", offers=[offer("api.calls", included=200, rates=[rate("0.05")])]))
    use(subscribe(make_customer(), version), "api.calls", 400)
    close_due(at=AT)
    line = Invoice.objects.get().lines.get()
    assert (line.description, line.quantity, line.unit) == ("api.calls", 400, "call")
    assert line.explanation == {
        "quantity": "400",
        "included": "200",
        "billable": "200",
        "refused": "0",
        "parts": [{"from": "0", "to": None, "units": "200", "unit_price": "0.05", "flat_fee": "0", "amount": "10"}],
        "amount": "10",
        "formula": "200 × 0.05",
    }
