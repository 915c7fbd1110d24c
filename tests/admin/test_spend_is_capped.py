"""Finance sets a spend cap on the subscription's page and removes it on the cap's own page."""

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.models import SpendCap
from tests.builders import cap, make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    offers = [offer("api.calls", rates=[rate("0.05")])]
    return subscribe(make_customer("acme"), publish(make_plan("pro", offers=offers)), starts_at=timezone.now())


def test_a_cap_is_set_seen_and_removed(member, acme):
    client = member("finance")
    address = f"/admin/billing/subscription/{acme.pk}/cap/"
    assert "reported usage always counts" in client.get(address).content.decode()
    typed = {"feature": "", "amount": "500", "action": "throttle", "per_minute": "60", "set_by": "finance"}
    page_text = client.post(address, typed, follow=True).content.decode()
    spend_cap = SpendCap.objects.get()
    assert (spend_cap.amount, spend_cap.per_minute) == (500, 60)
    assert "throttle to 60 per minute" in page_text
    assert reverse("admin:billing_spendcap_change", args=[spend_cap.pk]) in page_text
    client.post(f"/admin/billing/spendcap/{spend_cap.pk}/remove/", follow=True)
    assert not SpendCap.objects.exists()


def test_an_invalid_form_shows_the_error(member, acme):
    typed = {"feature": "", "amount": "1", "action": "throttle", "per_minute": "", "set_by": "finance"}
    page_text = member("operations").post(f"/admin/billing/subscription/{acme.pk}/cap/", typed).content.decode()
    assert "how many requests a minute" in page_text


def test_support_sees_caps_and_can_not_set_them(member, acme):
    spend_cap = cap(acme, 500, at=timezone.now())
    client = member("support")
    assert "$500.00" in client.get(f"/admin/billing/subscription/{acme.pk}/change/").content.decode()
    assert client.post(f"/admin/billing/spendcap/{spend_cap.pk}/remove/").status_code == 403
