"""The trace of an event names its price and the lots that paid for it, and claims no more than the ledger knows."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from billing.metering.ingest.parser import event_key
from billing.metering.ingest.reprocess import reprocess
from billing.metering.usage.event_trace import trace_event
from lib.currencies import CREDITS
from tests.billing.metering.corrections.correction_setup import void
from tests.builders import (
    FEB,
    JAN,
    make_customer,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
)
from tests.docs_tables import rows
from tests.wallets.test_usage_is_drawn_down import runs
from wallets.ledger.grant import Grant, grant
from wallets.models import Lot, Wallet

pytestmark = pytest.mark.django_db

TEN = JAN + timedelta(hours=10)
HOUR = timedelta(hours=1)


def version(**fields):
    feature = make_feature("runs", meter=make_meter("runs", event_name="run"))
    offers = [offer(feature, prices={CREDITS: [rate("2")]}, consumption="credits", **fields)]
    return publish(make_plan("credits", offers=offers))


def wallet_of(customer, lots=(("A", 3, FEB), ("B", 100, None))):
    wallet = Wallet.objects.create(customer=customer)
    for source, units, expires_at in lots:
        terms = Grant("purchased", D(units), source, cost=D(1), expires_at=expires_at)
        grant(wallet_id=wallet.pk, grants=[terms], at=JAN)
    return wallet


@pytest.fixture
def customer():
    customer = make_customer("acme")
    subscribe(customer, version(included=1))
    wallet_of(customer)
    return customer


def part_of(id_):
    traced = trace_event(event_key(id_, source="", sandbox=False))
    [meter] = traced.meters
    [part] = meter.counted
    return part


def lots_of(payment):
    sources = dict(Lot.objects.values_list("pk", "source"))
    return [(sources[lot.lot_id], lot.units) for lot in payment.lots]


def send_requests(requests):
    for received, ids in requests.items():
        at = JAN + timedelta(hours=int(received[:2]))
        runs(*ids, at=at - HOUR / 2, sent_at=at)


def test_an_event_names_the_lots_that_are_documented(customer):
    table = rows("wallets.md", "lots-behind-an-event")
    requests = {}
    for row in table:
        requests.setdefault(row["received"], []).append(row["event"])
    send_requests(requests)
    for row in table:
        part = part_of(row["event"])
        assert (part.price.currency, part.price.amount) == (CREDITS, D(row["price"])), row
        if not row["lots"]:
            assert part.payments == (), row
            continue
        [payment] = part.payments
        lots = ", ".join(f"{source} {units.normalize():f}" for source, units in lots_of(payment))
        assert (payment.units, lots) == (D(row["balance changes by"]), row["lots"]), row
        assert payment.is_shared == (row["covers"] != "this event"), row


def test_a_correction_shows_the_lots_that_got_units_back(customer):
    runs("a", "b", at=TEN, sent_at=TEN)
    void("b", at=TEN + HOUR)
    taken, returned = part_of("b").payments
    assert (taken.kind, lots_of(taken)) == ("spend", [("A", D(-2))])
    assert (returned.kind, lots_of(returned), returned.is_shared) == ("give_back", [("A", D(2))], True)


def test_usage_that_was_reprocessed_shares_its_payment():
    customer = make_customer("acme")
    runs("a", at=TEN, sent_at=TEN)
    wallet_of(customer)
    subscribe(customer, version())
    reprocess(at=TEN + HOUR)
    [payment] = part_of("a").payments
    assert (payment.at, payment.is_shared, lots_of(payment)) == (TEN + HOUR, True, [("A", D(-2))])


def test_usage_without_a_wallet_names_no_lot():
    subscribe(make_customer("acme"), version())
    runs("a", at=TEN, sent_at=TEN)
    part = part_of("a")
    assert (part.price.amount, part.payments) == (D(2), ())


def test_an_uncovered_part_is_shown():
    customer = make_customer("acme")
    subscribe(customer, version())
    wallet_of(customer, lots=[("A", 1, None)])
    runs("a", at=TEN, sent_at=TEN)
    [payment] = part_of("a").payments
    assert (payment.units, payment.uncovered) == (-1, 1)


def test_usage_that_is_invoiced_has_no_wallet():
    feature = make_feature("runs", meter=make_meter("runs", event_name="run"))
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer(feature, rates=[rate("0.50")])])))
    runs("a", at=TEN, sent_at=TEN)
    part = part_of("a")
    assert (part.price.currency, part.price.amount, part.payments) == ("USD", D("0.50"), None)


def test_a_package_has_no_price_per_event():
    feature = make_feature("runs", meter=make_meter("runs", event_name="run"))
    price = rate("10", model="package", package_size=100)
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer(feature, rates=[price])])))
    runs("a", "b", at=TEN, sent_at=TEN)
    price = part_of("a").price
    assert (price.amount, price.is_ordered, [priced.amount for priced in price.units]) == (None, False, [D(10)])


def test_the_page_of_an_event_links_to_its_lots(customer, admin_client):
    send_requests({"10:00": ["a"], "11:00": ["b"], "12:00": ["c", "d"]})
    lots = {lot.source: lot for lot in Lot.objects.all()}

    def page_of(id_):
        key = event_key(id_, source="", sandbox=False)
        return admin_client.get(f"/admin/billing/event/{key}/change/").content.decode()

    assert "no transaction for this usage" in page_of("a")
    assert "for this event alone" in page_of("b")
    assert f"/admin/wallets/lot/{lots['A'].pk}/change/" in page_of("b")
    assert "with other usage recorded at that time" in page_of("c")
    assert f"/admin/wallets/lot/{lots['B'].pk}/change/" in page_of("c")
    assert "2 credits" in page_of("c")
