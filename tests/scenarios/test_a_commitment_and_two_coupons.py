"""
A customer with 25% and $10 off and a commitment of $100 a month, with a factor of two for overage; some usage is
late.
"""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from billing.closing import close_due
from invoices.models import Invoice
from tests.api.calls import Caller
from tests.builders import (
    APR,
    FEB,
    JAN,
    MAR,
    commitment,
    fee,
    make_coupon,
    make_feature,
    make_meter,
    make_plan,
    make_seller,
    offer,
    publish,
    rate,
)
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def use(caller: Caller, id_: str, calls: int, *, at: datetime) -> None:
    event = {"id": id_, "customer": "acme", "event": "work", "timestamp": at.isoformat(), "properties": {"n": calls}}
    assert caller.post("/events", [event]).json()["accepted"] == 1


def line_amounts(invoice: Invoice) -> list[tuple[str, str]]:
    return [(line.kind, f"{line.amount.amount:.2f}") for line in invoice.lines.order_by("position")]


def test_three_months_with_late_usage():
    make_seller()
    work = make_meter("work", aggregation="sum", value_property="n", unit="call")
    offers = [offer(make_feature("work", meter=work), rates=[rate("1")])]
    fees = [fee("20", billed="arrears")]
    publish(make_plan("pro", fees=fees, offers=offers, commitments=[commitment(100, factor=2)]))
    make_coupon("QUARTER", percent=25, duration="forever")
    make_coupon("TEN", amount=10, duration="forever")

    # She starts with both coupons and uses 60 in January; the true-up bills the missing 40.
    with time_machine.travel(JAN + 10 * DAY, tick=False):
        caller = Caller()
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        arguments = {"id": "acme-pro", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
        assert caller.post("/subscriptions", {**arguments, "coupons": ["QUARTER", "TEN"]}).status_code == 201
        use(caller, "jan", 60, at=JAN + 9 * DAY)
    close_due(at=FEB + DAY)

    # In February she uses 130, of which 30 cost twice; 15 calls of January arrive, already covered by the commitment.
    with time_machine.travel(FEB + 10 * DAY, tick=False):
        use(caller, "feb", 130, at=FEB + 9 * DAY)
        use(caller, "late", 15, at=JAN + 20 * DAY)
    close_due(at=MAR + DAY)

    # March meets the commitment exactly.
    with time_machine.travel(MAR + 10 * DAY, tick=False):
        use(caller, "mar", 100, at=MAR + 9 * DAY)
        redemptions = caller.get("/subscriptions/acme-pro/coupons").json()["data"]
    close_due(at=APR + DAY)

    january, february, march = Invoice.objects.order_by("id")
    assert line_amounts(january) == [
        ("fee", "20.00"),
        ("usage", "60.00"),
        ("true_up", "40.00"),
        ("coupon", "-30.00"),
        ("coupon", "-10.00"),
    ]
    assert line_amounts(february) == [
        ("fee", "20.00"),
        ("usage", "130.00"),
        ("surcharge", "30.00"),
        ("late_usage", "15.00"),
        ("true_up", "-15.00"),
        ("coupon", "-48.75"),  # of 195.00: credits are not discounted
        ("coupon", "-10.00"),
    ]
    assert line_amounts(march) == [("fee", "20.00"), ("usage", "100.00"), ("coupon", "-30.00"), ("coupon", "-10.00")]
    nets = [invoice.net.amount for invoice in (january, february, march)]
    assert nets == [80, Decimal("121.25"), 80]
    assert sorted(
        (redemption["coupon"]["code"], redemption["invoices"], redemption["invoices_left"])
        for redemption in redemptions
    ) == [
        ("QUARTER", 2, None),
        ("TEN", 2, None),
    ]

    # Closing again at any later time changes nothing.
    close_due(at=APR + 2 * DAY)
    assert Invoice.objects.count() == 3
    assert_clean()
