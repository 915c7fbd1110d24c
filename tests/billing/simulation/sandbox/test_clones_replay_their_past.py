"""A clone starts as its customer did, and is billed for the customer's usage, at the prices of its own version."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.models import Event
from billing.simulation.sandbox.clones import CannotClone, clone
from billing.subscriptions import apply_coupon, apply_customer_coupon, override, set_quantity
from customers.models import Customer
from invoices.models import Invoice
from tests.billing.metering.corrections.correction_setup import correct_all, correction_request
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.simulation.sandbox.clock_setup import advance_to
from tests.builders import (
    FEB,
    JAN,
    MAR,
    add_commitment,
    fee,
    make_coupon,
    make_customer,
    make_plan,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
)
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOW = MAR + 3 * DAY


def a_call(id_: str, at: str) -> dict:
    return {"id": id_, "customer": "acme", "event": "calls", "timestamp": f"2026-{at}T12:00:00Z"}


@pytest.fixture
def acme() -> Customer:
    """Create a live customer with two billed months: 12 calls in January, 3 in February, one in March."""
    offers = [offer("calls", included=10, rates=[rate("0.10")])]
    version = publish(make_plan("pro", fees=[fee("31")], offers=offers))
    customer = make_customer("acme", country="DE", time_zone="Europe/Berlin")
    subscribe(customer, version, JAN, external_id="acme-1")
    send(*(a_call(f"j{n}", f"01-{n + 10}") for n in range(12)), at=JAN)
    send(*(a_call(f"f{n}", f"02-{n + 10}") for n in range(3)), at=FEB)
    send(a_call("m0", "03-02"), at=MAR)
    close_due(at=NOW)
    return customer


def totals(customer: Customer) -> list[str]:
    invoices = Invoice.objects.filter(customer=customer).order_by("issued_at", "sequence")
    return [f"{invoice.issued_at:%m-%d} {invoice.total.amount:.2f}" for invoice in invoices]


def test_a_clone_is_invoiced_like_its_customer(acme):
    sandbox_clone, left_out = clone(source=acme, periods=2, at=NOW, by=None)
    assert (sandbox_clone.customer.external_id, sandbox_clone.customer.country, left_out) == ("acme", "DE", [])
    assert totals(sandbox_clone.customer) == [], "nothing has happened yet"

    advance_to(sandbox_clone.customer.test_clock, NOW)

    live = Invoice.objects.filter(customer=acme).order_by("sequence")
    assert [text.split()[1] for text in totals(sandbox_clone.customer)] == [
        f"{total.total.amount:.2f}" for total in live
    ]
    assert Event.objects.filter(customer_id=sandbox_clone.customer_id).count() == 16
    assert Event.objects.filter(customer_id=acme.pk).count() == 16, "nothing happens to the live one"


def test_a_customer_can_be_cloned_repeatedly(acme):
    first, second = (clone(source=acme, periods=1, at=NOW, by=None)[0] for _ in range(2))

    assert [sandbox_clone.customer.external_id for sandbox_clone in (first, second)] == ["acme", "acme-2"]
    for copied in (first, second):
        advance_to(copied.customer.test_clock, NOW)
    assert totals(first.customer) == totals(second.customer) == ["01-31 31.00", "03-01 31.00"]


def test_a_clone_omits_voided_events(acme):
    correct_all(correction_request("m0"))
    sandbox_clone, _ = clone(source=acme, periods=1, at=NOW, by=None)

    advance_to(sandbox_clone.customer.test_clock, NOW)

    assert Event.objects.filter(customer_id=sandbox_clone.customer_id).count() == 3


def test_a_clone_has_overrides_commitments_and_coupons(acme):
    subscription = acme.subscriptions.get()
    terms = {"feature": subscription.coverage.get().feature, "figure": "price", "value": Decimal("0.05")}
    override(subscription=subscription, at=NOW, reason="agreed", **terms)
    add_commitment(subscription, 100, at=NOW)
    apply_coupon(subscription=subscription, coupon=make_coupon("TEN", percent=10), at=NOW)

    sandbox_clone, left_out = clone(source=acme, periods=1, at=NOW, by=None)

    copy = sandbox_clone.customer.subscriptions.get()
    assert left_out == []
    assert [(override.value, override.starts_at) for override in copy.overrides.all()] == [
        (override.value, override.starts_at) for override in subscription.overrides.all()
    ]
    assert copy.commitments.get().minimum == 100
    assert [redemption.coupon.code for redemption in copy.redemptions.all()] == ["TEN"]


def test_a_clone_has_the_coupons_of_its_customer(acme):
    apply_customer_coupon(customer=acme, coupon=make_coupon("SHARED", amount=5), at=NOW)
    record, left_out = clone(source=acme, periods=1, at=NOW, by=None)
    assert left_out == []
    assert [str(redemption.coupon) for redemption in record.customer.redemptions.all()] == ["SHARED"]


def test_a_clone_has_the_quantities_each_from_its_time():
    seats = fee("5", label="Seats", basis="seat", code="seats")
    version = publish(make_plan("team", fees=[seats]))
    subscription = subscribe(make_customer("acme"), version, JAN)
    for quantity, since in ((3, JAN + DAY), (5, MAR + DAY)):
        set_quantity(subscription=subscription, fee_code="seats", quantity=quantity, since=since, at=since)

    sandbox_clone, _ = clone(source=subscription.customer, periods=1, at=NOW, by=None)

    quantities = sandbox_clone.customer.subscriptions.get().holdings.order_by("since")
    assert [(quantity.quantity, quantity.since) for quantity in quantities] == [(3, JAN + DAY), (5, MAR + DAY)]


def test_a_clone_has_the_former_balance_and_receives_later_lots(acme):
    wallet = make_wallet(acme, name="Credits")
    grant(wallet_id=wallet.pk, grants=[Grant("promotional", Decimal(100), "first")], at=JAN)
    spend(wallet_id=wallet.pk, amount=Decimal(30), reference="some", at=JAN + DAY)
    spend(wallet_id=wallet.pk, amount=Decimal(20), reference="later", at=FEB + DAY)
    grant(wallet_id=wallet.pk, grants=[Grant("promotional", Decimal(7), "second")], at=FEB + DAY)

    sandbox_clone, _ = clone(source=acme, periods=1, at=NOW, by=None)

    lots = Wallet.objects.get(customer=sandbox_clone.customer).lots.order_by("pk")
    assert [(lot.remaining, lot.valid_from) for lot in lots] == [
        (70, sandbox_clone.since),
        (7, FEB + DAY),
    ]


def test_only_live_customers_with_a_subscription_are_cloned(acme):
    with pytest.raises(CannotClone, match="nothing to bill"):
        clone(source=make_customer(), periods=1, at=NOW, by=None)
    made, _ = clone(source=acme, periods=1, at=NOW, by=None)
    with pytest.raises(CannotClone, match="is a sandbox customer"):
        clone(source=made.customer, periods=1, at=NOW, by=None)
