"""
A product sends usage before its customer exists, and an event without a value: none is lost, and none counts as zero.
"""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from billing.closing import close_due
from billing.models import Period
from billing.tasks import close_due_periods, reprocess_usage
from invoices.models import Invoice
from tests.api.calls import Caller
from tests.builders import FEB, JAN, make_feature, make_meter, make_plan, make_seller, offer, publish, rate
from tests.clean_books import assert_clean

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/unmatchedusage/"


def request(id_: str, **properties: object) -> dict[str, object]:
    stamp = (JAN + timedelta(days=9)).isoformat()
    return {"id": id_, "customer": "acme", "event": "llm", "timestamp": stamp, "properties": properties}


def test_unmatched_usage_is_reported_estimated_reprocessed_and_billed():
    make_seller()
    work = make_meter("work", event_name="llm", aggregation="sum", expression="input + 4 * output", unit="token")
    publish(make_plan("pro", offers=[offer(make_feature("work", meter=work), rates=[rate("0.002")])]))

    with time_machine.travel(JAN + timedelta(days=10), tick=False):
        # The product goes live a day before sales has created the customer; one request has no output.
        caller = Caller()
        sent = [request("r1", input=1000, output=250), request("r2", input="0.5", output=0), request("r3", input=70)]
        assert caller.post("/events", sent).json()["accepted"] == 3
        (group,) = [entry for entry in caller.get("/unmatched-usage").json()["data"] if entry["quantity"]]
        assert (group["reason"], group["events"], group["quantity"]) == ("unknown_customer", 2, "2000.5")
        assert group["estimate"] is None

        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        subscription = {"id": "acme-pro", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
        assert caller.post("/subscriptions", subscription).status_code == 201

        # Operations preview the amount of reprocessing, and confirm.
        staff = Client()
        staff.force_login(User.objects.create_superuser("ops"))
        typed = {"action": "try_again", "select_across": "1", "_selected_action": ["1"]}
        page = staff.post(LIST, typed).content.decode()
        assert "would match" in page
        assert "acme, work: 2,000.5 tokens, +$4.00" in page
        staff.post(LIST, typed | {"_agreed": "1"})

        # The event without a value is listed with its reason and has no price: it does not count as zero.
        (open_report,) = caller.get("/unmatched-usage").json()["data"]
        assert (open_report["reason"], open_report["meter"], open_report["quantity"]) == ("bad_value", "work", None)
        assert "“output” is missing" in staff.get(LIST).content.decode()

        # The product finds the missing number and replaces the event: it is counted, and no report is open.
        correction = {"id": "r3", "kind": "replace", "reason": "It left its output out"}
        answer = caller.post("/events/corrections", correction | {"replacement": request("r3b", input=70, output=20)})
        assert answer.status_code == 200, answer.content
        assert caller.get("/unmatched-usage").json()["data"] == []

    close_due(at=FEB + timedelta(hours=1))
    assert Invoice.objects.get().net.amount == Decimal("4.30")  # 2,000.5 + 70 + 4 × 20 tokens
    assert Period.objects.filter(state="closed").count() == 1
    assert_clean()


def test_a_meter_with_a_wrong_property_is_corrected_and_its_usage_billed(monkeypatch):
    """Before its price is published: the product has sent events for a day that the meter could not read."""
    monkeypatch.setattr("lib.task_clock.database_time", timezone.now)
    make_seller()
    work = make_meter("work", event_name="llm", aggregation="sum", value_property="tokens", unit="token")
    offers = [offer(make_feature("work", meter=work), rates=[rate("0.002")])]

    with time_machine.travel(JAN + timedelta(days=10), tick=False):
        caller = Caller()
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        sent = [request("r1", total=1000), request("r2", total=500, tokens=7)]
        assert caller.post("/events", sent).json()["accepted"] == 2
        reports = [(entry["reason"], entry["quantity"]) for entry in caller.get("/unmatched-usage").json()["data"]]
        assert sorted(reports, key=str) == [("no_subscription", "7"), ("no_subscription", None)]

        work.value_property = "total"
        work.save()
        publish(make_plan("pro", offers=offers))
        subscription = {"id": "acme-pro", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
        assert caller.post("/subscriptions", subscription).status_code == 201
        assert reprocess_usage()["resolved"] == 2
        assert caller.get("/unmatched-usage").json()["data"] == []

    with time_machine.travel(FEB + timedelta(hours=1), tick=False):
        close_due_periods()
    assert Invoice.objects.get().net.amount == Decimal("3.00")


def test_an_estimate_is_shown_until_the_event_is_corrected(monkeypatch):
    monkeypatch.setattr("lib.task_clock.database_time", timezone.now)
    make_seller()
    work = make_meter("work", event_name="llm", aggregation="sum", value_property="tokens", unit="token")
    publish(make_plan("pro", offers=[offer(make_feature("work", meter=work), included=100, rates=[rate("0.01")])]))

    with time_machine.travel(JAN + timedelta(days=10), tick=False):
        caller = Caller()
        customer = {"id": "acme", "legal_name": "Acme Inc.", "country": "US", "currency": "USD"}
        assert caller.post("/customers", customer).status_code == 201
        subscription = {"id": "acme-pro", "customer": "acme", "plan": "pro", "starts_at": JAN.isoformat()}
        assert caller.post("/subscriptions", subscription).status_code == 201
        sent = [request("r1", tokens=1000), request("r2", tokens=600), request("r3")]
        assert caller.post("/events", sent).json()["accepted"] == 3
        (group,) = caller.get("/unmatched-usage", customer="acme").json()["data"]
        assert (group["estimate"], group["estimated_by"]) == ({"amount": "8.00", "currency": "USD"}, "average_event")

        correction = {"id": "r3", "kind": "replace", "reason": "Its count was lost"}
        answer = caller.post("/events/corrections", correction | {"replacement": request("r3b", tokens=50)})
        assert answer.status_code == 200, answer.content
        assert caller.get("/unmatched-usage").json()["data"] == []

    with time_machine.travel(FEB + timedelta(hours=1), tick=False):
        close_due_periods()
    assert Invoice.objects.get().net.amount == Decimal("15.50")  # of 1,650, 100 are included
