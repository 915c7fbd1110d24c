"""Staff who are restricted to a seller see its revenue reports, recurring revenue and month end, and no other's."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from billing.models import AccountingTarget
from customers.models import Seller, StaffSeller
from invoices.models import MonthLock
from tests.billing.revenue.book_setup import issue_invoice, line
from tests.builders import JAN, fee, make_customer, make_plan, make_seller, publish, subscribe

pytestmark = pytest.mark.django_db
OWN, OTHER = "Own Books GmbH", "Foreign Books SA"


@pytest.fixture
def sellers() -> dict[str, Seller]:
    by_name = {name: make_seller(name[:3].lower(), legal_name=name, currency="EUR") for name in (OWN, OTHER)}
    version = publish(make_plan(fees=[fee(20, currency="EUR")]))
    for seller in by_name.values():
        customer = make_customer(f"of {seller.code}", seller=seller, currency="EUR")
        issue_invoice(customer, [line("90.00", "2026-01-01", "2026-04-01")], at="2026-01-01")
        subscribe(customer, version, JAN)
        AccountingTarget.objects.create(seller=seller, target="journal")
    return by_name


@pytest.fixture
def restricted(sellers: dict[str, Seller]) -> Client:
    user = User.objects.create(username="restricted", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=("finance", "finance approver")))
    StaffSeller.objects.create(user=user, seller=sellers[OWN])
    client = Client()
    client.force_login(user)
    return client


PAGES = {
    "revenue_report": ["income"],
    "revenue_report_file": ["income", "csv"],
    "revenue_rows": [],
    "revenue_mrr": [],
    "revenue_movements": [],
    "revenue_balances": [],
    "payment_reconciliation": [],
}


@pytest.mark.parametrize("name", PAGES)
def test_a_report_shows_their_seller_only(restricted, sellers, name):
    address = reverse(f"admin:{name}", args=PAGES[name])
    more = "month=2026-02&currency=EUR"

    own = restricted.get(f"{address}?seller={sellers[OWN].code}&{more}")
    by_default = restricted.get(f"{address}?{more}")
    other = restricted.get(f"{address}?seller={sellers[OTHER].code}&{more}")

    assert (own.status_code, by_default.status_code, other.status_code) == (200, 200, 404)
    for answer in (own, by_default):
        content = b"".join(answer) if answer.streaming else answer.content
        assert OTHER.encode() not in content


@pytest.mark.parametrize("name", ["month_end", "billing_accountmapping_unmapped"])
def test_a_page_of_all_sellers_shows_theirs(restricted, sellers, name):
    answer = restricted.get(reverse(f"admin:{name}"), {"month": "2026-01"})

    assert answer.status_code == 200
    assert OWN in answer.content.decode()
    assert OTHER not in answer.content.decode()


def test_they_lock_the_months_of_their_sellers_only(restricted, sellers):
    address = reverse("admin:month_end_lock_sellers", args=["2026-01"])
    ids = {name: seller.pk for name, seller in sellers.items()}

    assert restricted.get(address, {"seller": ids[OWN]}).status_code == 200
    assert restricted.get(address, {"seller": list(ids.values())}).status_code == 404
    assert restricted.post(f"{address}?seller={ids[OTHER]}", {"confirm": "1"}).status_code == 404
    assert not MonthLock.objects.exists()


def test_a_figure_of_all_sellers_stays_closed(restricted):
    assert restricted.get(reverse("admin:dashboard_details")).status_code == 403
