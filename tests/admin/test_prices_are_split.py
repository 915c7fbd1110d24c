"""Finance splits a price by a property in its form, and an incomplete entry is refused."""

import pytest

from plans.models import PlanFeature, Price
from tests.builders import make_plan, offer

pytestmark = pytest.mark.django_db


def add_price(client, **typed):
    make_plan("pro", offers=[offer("calls")])
    granted = PlanFeature.objects.get()
    form = {"plan_feature": granted.pk, "currency": "USD", **typed, "_save": "Save"}
    answer = client.post("/admin/plans/price/add/", form)
    return "" if answer.status_code == 302 else answer.content.decode()


def test_a_price_is_split_by_a_property(member):
    add_price(member("finance"), split_by="user.region", allowance_per_value="on")
    price = Price.objects.get()
    assert (price.split_by, price.split_bound, price.allowance_per_value) == ("user.region", 1000, True)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"allowance_per_value": "on"}, "Name the property whose values have lines of their own."),
        ({"split_bound": "5"}, "Name the property whose values have lines of their own."),
        ({"split_by": "user..region"}, "Name a property, such as api_key, or one inside another"),
        ({"split_by": "api_key", "split_bound": "10001"}, "less than or equal to 10000"),
    ],
)
def test_an_incomplete_split_is_refused(member, typed, message):
    assert message in add_price(member("finance"), **typed)
    assert not Price.objects.exists()
