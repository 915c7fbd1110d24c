"""The list of customers shows plan, health, balance due and last invoice of each."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import subscriptions
from billing.limits.alerts.rule_settings import AlertScope, set_alert_rule
from billing.models import Alert
from customers.models import StaffSeller
from tests.api.invoice_rows import make_invoice
from tests.builders import JAN, make_customer, make_plan, make_seller, offer, publish, rate, subscribe

LIST = "/admin/customers/customer/"


@pytest.fixture
def version(db):
    return publish(make_plan("pro", offers=[offer("api.calls", rates=[rate("0.01")])]))


def summaries(client, query=""):
    rows = client.get(f"{LIST}{query}").context["cl"].result_list
    return {customer.external_id: customer.summary for customer in rows}


def add_alert(subscription, threshold, **fields):
    rule = set_alert_rule(
        kind="spend", scope=AlertScope(subscription=subscription), levels=[threshold], amount=Decimal(10), at=JAN
    )
    figures = {"threshold": threshold, "value": 9, "limit": 10, "agreed_limit": 10, "unit": "USD"}
    Alert.objects.create(
        **{
            "alert_rule": rule,
            "customer": subscription.customer,
            "subscription": subscription,
            "since": JAN,
            "ends_at": timezone.now() + timedelta(days=1),
            "fired_at": JAN,
            **figures,
            **fields,
        }
    )


def test_health_is_the_first_that_applies(member, version):
    make_customer("no-plan")
    subscribed = {
        name: subscribe(make_customer(name), version) for name in ("fine", "near", "early", "paused", "late")
    }
    add_alert(subscribed["near"], 90)
    add_alert(subscribed["early"], 50)
    add_alert(subscribed["fine"], 90, ends_at=JAN + timedelta(days=1))
    add_alert(subscribed["late"], 90)
    subscriptions.pause(subscription=subscribed["paused"], at=timezone.now())
    make_invoice(subscribed["late"].customer)
    shown = {name: summary.health.value for name, summary in summaries(member("support")).items()}
    assert shown == {
        "no-plan": "no_plan",
        "fine": "ok",
        "near": "near_limit",
        "early": "ok",
        "paused": "paused",
        "late": "past_due",
    }
    page = member("support").get(LIST).content.decode()
    assert all(word in page for word in ("no plan", "near limit", "paused", "past due"))


def test_money_is_shown_by_currency(member, version):
    customer = make_customer("acme")
    subscribe(customer, version)
    for _ in range(2):
        last = make_invoice(customer)
    make_invoice(customer, issue=False)
    make_invoice(make_customer("other"))
    summary = summaries(member("finance"))["acme"]
    assert (summary.plans, summary.due, summary.last_invoice) == (["Pro"], {"EUR": last.total.amount * 2}, last)
    page = member("finance").get(LIST).content.decode()
    assert "€35.70" in page
    assert f"/admin/invoices/invoice/{last.pk}/change/" in page


def test_more_rows_run_no_more_queries(member, version):
    def add(count):
        for number in range(count):
            customer = make_customer(f"c{number}-{count}")
            add_alert(subscribe(customer, version), 90)
            make_invoice(customer)

    def count_queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(LIST)
        return len(captured)

    client = member("finance")
    client.get(LIST)
    add(2)
    few = count_queries()
    add(15)
    assert count_queries() == few


def test_restricted_staff_see_amounts_of_their_sellers(member, version):
    own, other = make_seller("own"), make_seller("other")
    customer = make_customer("acme", seller=own)
    add_alert(subscribe(customer, version), 90)
    make_invoice(customer, seller=other)
    mine = make_invoice(customer, seller=own)
    client = member("finance")
    StaffSeller.objects.create(user_id=int(client.session["_auth_user_id"]), seller=own)
    summary = summaries(client)["acme"]
    assert (summary.due, summary.last_invoice) == ({"EUR": mine.total.amount}, mine)
    assert not summary.is_near_limit
