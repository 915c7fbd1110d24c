"""A subscription with a fee, seats, tokens and requests, and its issued invoices."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from billing.closing import close_due
from billing.models import Subscription
from billing.subscriptions import set_quantity
from customers.models import Customer
from invoices.models import Invoice
from tests.builders import (
    FEB,
    JAN,
    MAR,
    fee,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    use,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MonthlyInvoices:
    """january, february: invoices of usage in that month, with the fees of the month after it."""

    customer: Customer
    subscription: Subscription
    opening: Invoice
    january: Invoice
    february: Invoice


def make_monthly_invoices(external_id: str = "acme", **fields: Any) -> MonthlyInvoices:
    """
    Return the invoices of a customer: the opening one of $99.00; $102.70 for January; $109.00 for February, with
    1.5 M instead of 1.2 M tokens, 500 instead of 430 requests of which 300 are included, and a third seat.
    """
    customer = make_customer(external_id, **fields)
    tokens, requests = (
        make_feature(f"{name}s", meter=make_meter(f"{name}s", unit=name, name=f"{name.title()}s"))
        for name in ("token", "request")
    )
    version = make_plan(
        f"scale-{external_id}",
        fees=[
            fee("99", label="Platform fee"),
            fee("5", label="Seats", code="seats", basis="seat", included=2, least=2),
        ],
        offers=[
            offer(tokens, rates=[rate("0.000002")]),
            offer(requests, included=300, rates=[rate("0.01")]),
        ],
    )
    subscription = subscribe(customer, publish(version))
    close_due(at=JAN + HOUR)
    use(subscription, "tokens", 1_200_000, at=JAN + DAY, events=3)
    use(subscription, "requests", 430, at=JAN + DAY, events=430)
    close_due(at=FEB + DAY)
    use(subscription, "tokens", 1_500_000, at=FEB + DAY, events=3)
    use(subscription, "requests", 500, at=FEB + DAY, events=500)
    set_quantity(subscription=subscription, fee_code="seats", quantity=3, at=FEB + DAY, since=MAR)
    close_due(at=MAR + DAY)
    opening, january, february = Invoice.objects.filter(customer=customer).order_by("pk")
    return MonthlyInvoices(customer, subscription, opening, january, february)
