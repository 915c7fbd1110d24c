"""The recurring revenue of one customer now, with the same statement as that of all."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from billing.models import Subscription
from billing.revenue.metrics.live_balances import LIVE_BALANCES, live_parameters
from customers.models import Customer, Seller
from lib import sql
from lib.decimals import EXACT, ZERO
from plans.metrics.monthly_amounts import round_sum

MAX_SELLERS = 5
"""Sellers of one customer that are read; a customer has one or two."""

_NOW = f"SELECT currency, net FROM ({LIVE_BALANCES}) b WHERE first <= 1 AND last >= 1"  # noqa: S608


def read_customer_mrr(
    customer: Customer, *, at: datetime, seller_ids: Collection[int] | None = None
) -> dict[str, Decimal]:
    """
    Return currency → committed MRR as of a time, as the report of the running month has it; two queries per seller.

    seller_ids: only of these sellers. A sandbox customer has none.
    """
    if customer.sandbox:
        return {}
    own = Subscription.objects.filter(customer=customer).order_by().values("seller").distinct()
    sellers = Seller.objects.filter(pk__in=own)
    if seller_ids is not None:
        sellers = sellers.filter(pk__in=seller_ids)
    amounts: dict[str, Decimal] = {}
    for seller in sellers.order_by("pk")[:MAX_SELLERS]:
        parameters = live_parameters(seller, [at], customers=(customer.pk, customer.pk))
        for currency, net in sql.fetch_rows(_NOW, parameters):
            amounts[currency] = EXACT.add(amounts.get(currency, ZERO), net)
    return {currency: round_sum(amount, currency) for currency, amount in sorted(amounts.items()) if amount}
