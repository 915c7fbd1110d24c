"""A month's usage costs the same however it is split between the close and late usage."""

from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.closing import close_due
from billing.metering.ingest import customer_cache
from billing.metering.store import counter_store
from invoices.models import Invoice
from plans.catalog.stored_terms import load_terms
from plans.pricing.rating import rate_usage
from tests.builders import FEB, JAN, make_customer, make_plan, offer, publish, rate, subscribe, tier, use

pytestmark = [pytest.mark.django_db]

LADDER = [tier(100, "1", 2), tier(250, "0.333333"), tier(None, "0.50", "0.05")]
PRICES = {
    "per unit": rate("0.333333"),
    "graduated": rate(tiers=LADDER),
    "volume": rate(model="volume", tiers=LADDER),
    "package": rate("7", model="package", package_size=30),
}
MONTHS = [FEB.replace(month=month, hour=2) for month in range(2, 8)]


@pytest.mark.parametrize("price", PRICES.values(), ids=PRICES)
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    deliveries=st.lists(st.lists(st.integers(-40, 150), max_size=3), min_size=1, max_size=5),
    included=st.sampled_from([0, 50, 200]),
)
def test_the_lines_and_credits_of_all_deliveries_sum_to_the_price_of_the_whole(price, deliveries, included):
    with transaction.atomic():
        subscription = subscribe(
            make_customer(), publish(make_plan(offers=[offer("calls", included=included, rates=[price])]))
        )
        for delivered, closes_at in zip(deliveries, MONTHS, strict=False):
            for quantity in delivered:
                use(subscription, "calls", quantity, at=JAN)
            close_due(at=closes_at)
        (feature,) = load_terms(subscription.version_id, "USD").features
        whole = max(
            sum((Decimal(quantity) for delivery in deliveries for quantity in delivery), Decimal(0)), Decimal(0)
        )
        assert net_billed() == rate_usage(feature.price, {feature.price.rates[0].key: whole}).invoiced_amount
        transaction.set_rollback(True)
    customer_cache.clear()
    counter_store.clear_id_cache()


def net_billed() -> Decimal:
    """Return the total of all invoices less that of all credit notes."""
    documents = Invoice.objects.values_list("kind", "total")
    return sum((total if kind == "invoice" else -total for kind, total in documents), Decimal(0))
