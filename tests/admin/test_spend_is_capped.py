"""Finance caps what a subscription spends on its page, and removes the cap on its own."""

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
    here = f"/admin/billing/subscription/{acme.pk}/cap/"
    assert "what it reports is always counted" in client.get(here).content.decode()
    typed = {"feature": "", "amount": "500", "action": "throttle", "per_minute": "60", "set_by": "finance"}
    told = client.post(here, typed, follow=True).content.decode()
    made = SpendCap.objects.get()
    assert (made.amount, made.per_minute) == (500, 60)
    assert "throttle to 60 uses a minute" in told
    assert reverse("admin:billing_spendcap_change", args=[made.pk]) in told
    client.post(f"/admin/billing/spendcap/{made.pk}/remove/", follow=True)
    assert not SpendCap.objects.exists()


def test_what_is_wrong_is_said(member, acme):
    typed = {"feature": "", "amount": "1", "action": "throttle", "per_minute": "", "set_by": "finance"}
    told = member("operations").post(f"/admin/billing/subscription/{acme.pk}/cap/", typed).content.decode()
    assert "how many uses a minute" in told


def test_support_sees_caps_and_sets_none(member, acme):
    made = cap(acme, 500, at=timezone.now())
    client = member("support")
    assert "$500.00" in client.get(f"/admin/billing/subscription/{acme.pk}/change/").content.decode()
    assert client.post(f"/admin/billing/spendcap/{made.pk}/remove/").status_code == 403
