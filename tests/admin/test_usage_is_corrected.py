"""Operations find an event by its id, see how it was counted, and void or replace it with a reason."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from billing.closing import close_due
from billing.metering.ingest.event_recorder import record_events
from billing.metering.ingest.parser import event_key
from billing.models import Correction, UnmatchedUsage
from invoices.models import Invoice, Line
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW, parse
from tests.builders import FEB
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

LIST = "/admin/billing/event/"
REASON = {"_reason": "Sent twice by the retry of last week"}


def page(id_):
    return f"{LIST}{key(id_)}/change/"


def key(id_):
    return UUID(event_key(id_, source="", sandbox=False))


def action(id_, action_name):
    return f"{LIST}{key(id_)}/{action_name}/"


@pytest.fixture(autouse=True)
def usage():
    make_metered_subscription()
    send(call("a"), call("b"))


def test_an_event_is_found_by_its_whole_id_only(member):
    client = member("operations")
    assert "/change/" in client.get(LIST, {"q": "a"}).content.decode()
    assert list(client.get(LIST, {"q": "z"}).context["cl"].result_list) == []


def test_an_event_with_a_source_is_found_by_both(member):
    cloud = {"specversion": "1.0", "id": "x 1", "source": "/edge", "type": "api.call", "subject": "acme"}
    send(cloud)
    events = member("support").get(LIST, {"q": "/edge x 1"}).context["cl"].result_list
    assert [event.sender_id for event in events] == ["x 1"]


def test_its_page_shows_how_the_event_was_counted(member):
    text = member("support").get(page("a")).content.decode()
    assert "calls" in text
    assert "Its period lasts until" in text


def test_an_event_is_voided_with_a_reason(member):
    client = member("operations")
    assert "The usage of calls decreases by 1 at once." in client.get(action("a", "take_back")).content.decode()
    text = client.post(action("a", "take_back"), REASON, follow=True).content.decode()
    assert "The event is void." in text
    assert REASON["_reason"] in text
    assert counted() == {"calls/call/03": (1, 1)}
    correction = Correction.objects.get()
    assert correction.by == User.objects.get(username__startswith="operations")
    assert REASON["_reason"] in client.get("/admin/billing/correction/").content.decode()
    assert str(correction) in client.get(f"/admin/billing/correction/{correction.pk}/change/").content.decode()


def test_a_correction_needs_a_reason(member):
    text = member("operations").post(action("a", "take_back"), {"_reason": " "}).content.decode()
    assert "Enter the reason" in text
    assert Correction.objects.count() == 0


def test_an_event_is_replaced_by_the_typed_one(member):
    client = member("operations")
    new = call("a2", timestamp=(timezone.now() - timedelta(days=1)).isoformat(), customer="nobody")
    text = client.post(action("a", "replace_it"), {"event": json.dumps(new), **REASON}, follow=True).content.decode()
    assert "The event is replaced." in text
    assert counted() == {"calls/call/03": (1, 1)}
    assert UnmatchedUsage.objects.get().customer_ref == "nobody"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("{", "The body is not a JSON correction"),
        ('{"id": "x"}', "replacement.customer"),
        (json.dumps(call("b", timestamp="2026-11-01T00:00:00Z")), "belongs to another event"),
    ],
)
def test_an_invalid_replacement_shows_the_error(member, typed, message):
    if "timestamp" in typed:
        typed = typed.replace("2026-11-01T00:00:00Z", (timezone.now() - timedelta(days=1)).isoformat())
    text = member("operations").post(action("a", "replace_it"), {"event": typed, **REASON}).content.decode()
    assert message in text
    assert Correction.objects.count() == 0


def test_the_event_to_correct_is_shown_with_every_digit(member):
    exact = "0.1234567890123456789012345"
    body = f'[{{"id": "d", "customer": "acme", "event": "api.call", "properties": {{"n": {exact}}}}}]'
    events, _, _ = parse(body.encode())
    record_events(events=events, sandbox=False, at=NOW)
    assert exact in member("operations").get(action("d", "replace_it")).content.decode()


def test_support_can_not_correct_events(member):
    client = member("support")
    assert client.get(page("a")).status_code == 200
    assert client.post(action("a", "take_back"), REASON).status_code == 403
    assert Correction.objects.count() == 0


def test_an_invoice_line_links_to_its_events(member):
    send(*(call(f"c{n}", timestamp="2026-01-10T00:00:00Z") for n in range(60)), at=FEB)
    close_due(at=FEB + timedelta(hours=1))
    client, line = member("finance"), Line.objects.get()
    invoice = client.get(f"/admin/invoices/invoice/{Invoice.objects.get().pk}/change/").content.decode()
    assert f"/admin/billing/event/line/{line.pk}/" in invoice
    first = client.get(f"/admin/billing/event/line/{line.pk}/?prove")
    assert len(first.context["entries"]) == 50
    assert "Matches the invoice" in first.content.decode()
    rest = client.get(f"/admin/billing/event/line/{line.pk}/", {"cursor": first.context["next"]})
    assert len(rest.context["entries"]) == 10
    file = client.get(f"/admin/billing/event/line/{line.pk}/events.csv")
    assert b"".join(file.streaming_content).count(b"\n") == 61
    assert client.get("/admin/billing/event/line/0/").status_code == 404


def listed(client, **query):
    return [event.sender_id for event in client.get(LIST, query).context["cl"].result_list]


def test_the_newest_events_are_listed_and_filtered(member):
    client = member("operations")
    assert sorted(listed(client)) == ["a", "b"]
    assert "The newest 50 events" in client.get(LIST).content.decode()
    customer = client.get(LIST).context["cl"].result_list[0].customer_ref
    name = client.get(LIST).context["cl"].result_list[0].name
    assert sorted(listed(client, customer=customer, event=name)) == ["a", "b"]
    assert listed(client, customer="nobody") == []
    assert listed(client, occurred_at_from="2099-01-01") == []
    assert sorted(listed(client, customer=customer, occurred_at_from="2000-01-01")) == ["a", "b"]


def test_the_list_of_events_is_bounded(member, monkeypatch):
    monkeypatch.setattr("billing.admin.metering.events.MAX_SHOWN", 1)
    assert len(listed(member("operations"))) == 1
