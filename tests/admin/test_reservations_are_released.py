"""Staff see reservations and release those that a product left open."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.limits.reservations import reserve
from billing.models import Reservation
from tests.builders import make_customer, make_plan, offer, publish, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def reservation():
    version = publish(make_plan(offers=[offer("messages", included=100, consumption="hard_cap")]))
    at = timezone.now()
    subscribe(make_customer("acme"), version, starts_at=at)
    arguments = {"customer": "acme", "feature": "messages", "quantity": 60, "sandbox": False, "at": at}
    return reserve(**arguments, reference="run-7", duration=timedelta(hours=1))[0]


def test_a_reservation_is_seen_and_released(member, reservation):
    client = member("operations")
    assert "run-7" in client.get("/admin/billing/reservation/").content.decode()
    address = f"/admin/billing/reservation/{reservation.pk}/"
    assert "60 call" in client.get(f"{address}change/").content.decode()
    assert "can&#x27;t commit it" in client.get(f"{address}release_now/").content.decode()

    assert "The reservation is released" in client.post(f"{address}release_now/", follow=True).content.decode()

    assert Reservation.objects.get().state == "released"


def test_support_sees_reservations_and_can_not_release_them(member, reservation):
    client = member("support")
    assert client.get(f"/admin/billing/reservation/{reservation.pk}/change/").status_code == 200
    assert client.post(f"/admin/billing/reservation/{reservation.pk}/release_now/").status_code == 403
