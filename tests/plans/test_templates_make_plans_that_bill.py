"""Each template creates a plan that can be published unchanged and bills the amount of its example."""

import pytest
from django.db.models import Sum

from billing.closing import close_due
from billing.models import UnmatchedUsage
from invoices.models import Line
from plans.models import Meter, Plan
from plans.plan_templates.template_import import create_plan_from_template, templates
from plans.publishing.readiness import problems_of
from tests.billing.metering.ingest.ingest_setup import send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import APR, JAN, MAR, make_customer, make_feature, make_meter, publish, subscribe
from tests.clean_books import assert_clean

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
