"""Usage is shown on the pages of its meter and its customer; the history names the API key that made a change."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from customers.models import Customer
from tests.api.calls import Caller
from tests.builders import make_customer, make_meter, make_plan, make_seller, offer, publish, rate, subscribe


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def globex(db, now):
    make_meter("calls", dimensions=["model"])
    version = publish(make_plan("pro", offers=[offer("calls", included=10, rates=[rate("0.50")])]))
    customer = make_customer("globex")
    subscribe(customer, version, starts_at=now - timedelta(hours=2), at=now)
    return customer


def send(now, *, customer="globex", count=12, **properties):
    events = [
        {
            "id": f"{customer}-{number}-{properties}",
            "customer": customer,
            "event": "calls",
            "timestamp": (now - timedelta(minutes=5)).isoformat(),
            "properties": properties,
        }
        for number in range(count)
    ]
    answer = Caller().post("/events", events)
    assert answer.status_code < 300, answer.content


def test_on_the_meter_with_uncounted_events(member, globex, now):
    send(now, model="large")
    send(now, customer="nobody", count=1, model="large")
    text = member("engineer").get(f"/admin/plans/meter/{make_meter('calls').pk}/change/").content.decode()
    assert "Latest events “calls”" in text
    assert text.count("<td>globex-") == 12
    assert text.count("<td>1 call</td>") == 12
    assert "Unmatched usage" in text
    assert "unknown customer" in text


def test_on_the_customer_with_its_cost_and_dimensions(member, globex, now):
    send(now, model="large")
    send(now, count=3, model="small")
    client, address = member("support"), f"/admin/customers/customer/{globex.pk}/change/"
    overview, answer = client.get(address), client.get(address, {"tab": "usage"})
    (row,) = re.findall(r"<td>calls</td>.*?</tr>", overview.content.decode(), re.DOTALL)
    cells = [strip_tags(cell).strip() for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)]
    assert cells[:4] == ["calls", "15 calls", "10", "$2.50"]
    assert answer.context["shares"][0]["rows"] == [("large", "12"), ("small", "3")]
    chart = answer.context["charts"][0]
    assert (chart.now, chart.before) == ("15 calls", "0")


def test_on_a_customer_without_usage(member, db):
    text = member("support").get(f"/admin/customers/customer/{make_customer().pk}/change/").content.decode()
    assert "No subscription yet." in text
    assert "No invoices yet." in text


def test_the_history_names_the_key_that_called(member, db):
    seller = make_seller()
    caller = Caller()
    body = {"id": "new", "legal_name": "New Ltd", "seller": seller.code, "country": "US", "currency": "USD"}
    answer = caller.post("/customers", body)
    assert answer.status_code == 201, answer.content
    page = member("support").get(f"/admin/customers/customer/{Customer.objects.get().pk}/history/")
    latest = page.context["entries"][0]
    assert (latest.who, latest.where) == (f"API key {caller.key.prefix}", "through the API")
