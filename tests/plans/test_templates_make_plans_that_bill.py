"""Each template creates a plan that can be published unchanged and bills the amount of its example."""

from decimal import Decimal

import pytest
from django.db.models import Sum

from billing.closing import close_due
from billing.models import UnmatchedUsage
from invoices.models import Line
from plans.models import CreditPack, Meter, Plan
from plans.plan_templates.template_import import create_plan_from_template, templates
from plans.publishing.readiness import problems_of
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import APR, JAN, MAR, make_customer, make_feature, make_meter, make_wallet, publish, subscribe
from tests.clean_books import assert_clean
from wallets.purchases.purchase import PackOrder, buy

pytestmark = pytest.mark.django_db

CLOSED = APR.replace(hour=1)


def start(template, code="plan", currency="USD"):
    return create_plan_from_template(template, code=code, name="Plan", currency=currency, by=None, at=JAN)


@pytest.mark.parametrize("template", templates(), ids=lambda template: template.code)
def test_a_template_bills_its_example(template):
    subscribe(make_customer("acme"), publish(start(template)), starts_at=MAR)
    sent = [
        {"id": f"{place}-{number}", "customer": "acme", "event": event["event"], "properties": event["properties"]}
        for place, event in enumerate(template.events)
        for number in range(event.get("times", 1))
    ]
    send(*({**event, "timestamp": MAR.isoformat()} for event in sent), at=NOW)
    close_due(at=CLOSED)
    assert not UnmatchedUsage.objects.exists()
    march = Line.objects.filter(service_start__gte=MAR, service_start__lt=APR)
    assert march.aggregate(total=Sum("amount"))["total"] == template.total
    assert_clean("catalog", "usage", "invoices")


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("template", templates(), ids=lambda template: template.code)
def test_a_template_is_ready_in_any_currency(template, currency):
    assert problems_of(start(template, currency=currency)) == []


def test_a_meter_of_another_meaning_is_not_changed():
    other = make_meter("tokens", event_name="other")
    existing_feature = make_feature("tokens", meter=other)
    draft = start(templates()[0])
    assert draft.features.get().feature.code == "tokens-2"
    assert draft.features.get().feature.meter.code == "tokens-2"
    other.refresh_from_db()
    assert (other.event_name, existing_feature.meter) == ("other", other)


def test_a_second_plan_uses_the_existing_meters():
    token_api = templates()[0]
    start(token_api)
    start(token_api, code="other")
    assert (Plan.objects.count(), Meter.objects.count()) == (2, 1)


def packs_template():
    return next(template for template in templates() if template.pack)


BOUGHT = [
    # packs  price            units        bonus    why
    (1, "99.00", 1_000_000, 0, "below the bonus"),
    (5, "495.00", 5_000_000, 500_000, "10% from five million on"),
]


@pytest.mark.parametrize(("packs", "price", "units", "bonus", "why"), BOUGHT)
def test_a_template_sells_its_credit_pack(packs, price, units, bonus, why):
    start(packs_template())
    pack = CreditPack.objects.get()
    assert not pack.is_on_sale(JAN), "nobody buys it before its price is checked"
    CreditPack.objects.update(sold_until=None)
    wallet = make_wallet(make_customer("acme"))
    bought = buy(wallet_id=wallet.pk, order=PackOrder("credits", "first", packs), at=JAN)
    assert (bought.invoice.net.amount, bought.units, bought.bonus) == (Decimal(price), units, bonus), why


def test_a_second_plan_gets_a_pack_of_its_own():
    start(packs_template())
    start(packs_template(), code="other", currency="JPY")
    assert list(CreditPack.objects.order_by("pk").values_list("code", "prices__price")) == [
        ("credits", 99),
        ("credits-2", 99),
    ]
