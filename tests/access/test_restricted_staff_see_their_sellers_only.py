"""A staff user restricted to another seller gets no row of this one by any address of the admin."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from customers.models import Seller, StaffSeller
from lib.admin.seller_restriction import OF_NO_SELLER
from tests.access.actors import Actor
from tests.access.route_requests import send_request
from tests.access.routes import routes
from tests.access.rows import place
from tests.access.test_the_table_is_complete_and_sound import ALWAYS_NOT_FOUND
from tests.builders import make_seller

pytestmark = [pytest.mark.usefixtures("fast_requests"), pytest.mark.slow]
ELSEWHERE = "elsewhere"


@pytest.fixture
def restricted() -> Actor:
    """Return a superuser's rights in the hands of a user who is restricted to a seller without any rows."""
    user = User.objects.create(username=ELSEWHERE, is_staff=True, is_superuser=True)
    user.groups.set(Group.objects.all())
    StaffSeller.objects.create(user=user, seller=make_seller(ELSEWHERE, legal_name="Elsewhere SA"))
    client = Client()
    client.force_login(user)
    return Actor(ELSEWHERE, client)


def rows_have_a_seller(route):
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    return route.model in pages and pages[route.model].seller_paths != OF_NO_SELLER


def test_no_address_of_a_row_answers(restricted, monkeypatch):
    monkeypatch.setattr(
        "django.contrib.auth.middleware.auth.get_user", lambda request: User.objects.get(username=ELSEWHERE)
    )
    problems = []
    for route in routes():
        if route.area != "admin" or route.path in ALWAYS_NOT_FOUND or not rows_have_a_seller(route):
            continue
        values, row = place(route)
        if row is None or (isinstance(row, Seller) and row.code == ELSEWHERE) or "<" not in route.path:
            continue
        for method in ("GET", "POST"):
            answer = send_request(restricted, method, route.address(values), {})
            if not answer.is_refusal and answer.status not in (302, 404):
                problems.append(f"{method} {route.path}: {answer.summary}")
            if answer.writes:
                problems.append(f"{method} {route.path} writes {answer.writes}")
    assert problems == []
