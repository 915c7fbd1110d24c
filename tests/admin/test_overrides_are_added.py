"""Finance adds an override on the subscription's page and ends it on its own page."""

import pytest
from django.urls import reverse
from django.utils import timezone

from billing.models import Override
from tests.builders import add_override, make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    offers = [offer("api.calls", included=200, rates=[rate("0.05")])]
    return subscribe(make_customer("acme"), publish(make_plan("pro", offers=offers)), starts_at=timezone.now())


def address(subscription):
    return f"/admin/billing/subscription/{subscription.pk}/override/"


def chosen(page, words):
    """Return the choice whose text starts with `words`."""
    groups = page.context["form"].fields["figure"].choices
    return next(key for _, choices in groups for key, text in choices if text.startswith(words))


def test_an_override_is_added_with_a_reason(member, acme):
    client = member("finance")
    page = client.get(address(acme))
    assert "included units (now 200 calls)" in page.content.decode()
    assert "price of all other usage (now $0.05)" in page.content.decode()
    typed = {"figure": chosen(page, "price of"), "value": "0.04", "since": "next", "_reason": "Deal 7"}
    page_text = client.post(address(acme), typed, follow=True).content.decode()
    override = Override.objects.get()
    assert (override.figure, override.starts_at, override.reason) == ("price", acme.periods.get().ends_at, "Deal 7")
    assert "price of a rate (all other usage) is $0.04" in page_text
    assert reverse("admin:billing_override_change", args=[override.pk]) in page_text


REFUSED = [
    ({"_reason": ""}, "Enter the reason"),
    ({"value": "-1"}, "The price must be between"),
    ({"since": "date"}, "Enter the date from which it applies"),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED)
def test_an_invalid_override_shows_the_error_and_is_not_stored(member, acme, changes, words):
    client = member("finance")
    figure = chosen(client.get(address(acme)), "price of")
    typed = {"figure": figure, "value": "0.04", "since": "next", "_reason": "Deal 7", **changes}
    assert words in client.post(address(acme), typed).content.decode()
    assert not Override.objects.exists()


def test_an_override_is_ended_on_its_own_page(member, acme):
    override = add_override(acme, "api.calls", "included", 500, at=timezone.now(), starts_at=acme.starts_at)
    client = member("operations")
    address_of_override = reverse("admin:billing_override_change", args=[override.pk])
    assert "End" in client.get(address_of_override).content.decode()
    page_text = client.post(f"/admin/billing/override/{override.pk}/end/", follow=True).content.decode()
    override.refresh_from_db()
    assert override.ends_at == acme.periods.get().ends_at
    assert "the override ends" in page_text


def test_support_sees_overrides_and_can_not_change_them(member, acme):
    override = add_override(acme, "api.calls", "included", 500, at=timezone.now())
    client = member("support")
    assert "500 calls" in client.get(f"/admin/billing/subscription/{acme.pk}/change/").content.decode()
    assert client.get(address(acme)).status_code == 403
    assert client.post(f"/admin/billing/override/{override.pk}/end/").status_code == 403
