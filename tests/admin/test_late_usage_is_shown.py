"""The amount of late usage is shown on the list of periods, the dashboard and the customer's page."""

import csv
import io
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from billing.closing import close_due
from billing.models import Period, Subscription
from tests.admin.test_query_counts_of_pages import queries_of
from tests.builders import FEB, fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe, use

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/period/"


def late_periods(count: int, *, late_usage: str = "report_only", used: int = 100) -> list[Subscription]:
    offers = [offer("api.calls", rates=[rate("0.05")])]
    version = publish(make_plan(fees=[fee("20", billed="arrears")], offers=offers))
    subscriptions = []
    for number in range(count):
        seller = make_seller(late_usage, late_usage=late_usage)
        subscription = subscribe(make_customer(f"late-{late_usage}-{number}-{version.pk}", seller=seller), version)
        use(subscription, "api.calls", used)
        subscriptions.append(subscription)
    close_due(at=FEB + timedelta(hours=1))
    for subscription in subscriptions:
        use(subscription, "api.calls", 400)
    return subscriptions


def test_on_every_related_page(member):
    (subscription,) = late_periods(1)
    client = member("finance")
    period = Period.objects.late().get()
    for address in (
        f"{LIST}?status=late",
        f"{LIST}?late=report_only",
        f"{LIST}{period.pk}/change/",
        reverse("admin:dashboard_details"),
        f"/admin/customers/customer/{subscription.customer_id}/change/",
    ):
        page = client.get(address).content.decode()
        assert "+$20.00" in page, address
        assert "report only" in page.lower(), address


def test_on_the_home_of_finance(member):
    late_periods(1)
    client = member("finance")
    page = client.get("/admin/", {"seller": "report_only"}).content.decode()
    assert "Late usage of invoiced periods: 1" in page
    assert "report only: +$20.00" in page.lower()
    assert f"?status=late&amp;seller={make_seller('report_only').pk}" in page
    make_seller("another", legal_name="Another Inc.")
    assert "Late usage" not in client.get("/admin/", {"seller": "another"}).content.decode()


def test_by_policy(member):
    late_periods(1)
    late_periods(1, late_usage="next_invoice")
    client = member("finance")
    page = client.get(f"{LIST}?late=next_invoice").content.decode()
    assert "late-next_invoice-0" not in client.get(f"{LIST}?late=report_only").content.decode()
    assert page.count("+$20.00") == 3, "one row, and a total for each policy"


def test_other_lists_do_not_compute_it(member):
    late_periods(1)
    page = member("finance").get(LIST).content.decode()
    assert "+$20.00" not in page


def test_with_a_fixed_number_of_queries(member):
    client = member("root")
    late_periods(2)
    client.get(f"{LIST}?status=late")
    few = queries_of(client, f"{LIST}?status=late")
    late_periods(6)
    many = queries_of(client, f"{LIST}?status=late")
    assert len(many) <= len(few), "\n".join(many)


def test_the_upcoming_invoice_announces_its_credit_notes(member):
    (subscription,) = late_periods(1, late_usage="next_invoice", used=1_000)
    use(subscription, "api.calls", -1_300)
    with time_machine.travel(FEB + timedelta(days=2), tick=False):
        page = (
            member("finance")
            .get(reverse("admin:billing_subscription_change", args=[subscription.pk]))
            .content.decode()
        )
    assert "A credit note for INV-000001 credits $45.00 with tax: api.calls." in page


def test_the_downloaded_list_has_the_amounts(member):
    late_periods(1)
    answer = member("finance").get("/admin/billing/period/export/?status=late")
    header, row = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert "$" in row[header.index("Late usage")]
