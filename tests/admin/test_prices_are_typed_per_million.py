"""A tiny price is typed and shown per thousand or million units, and stored per unit."""

import pytest

from plans.models import Price, Rate
from tests.admin.test_tiers_are_explained import form, post
from tests.builders import make_plan, offer, rate


@pytest.fixture
def price(db):
    version = make_plan(offers=[offer("tokens", rates=[rate("0.0000025")])])
    return Price.objects.get(plan_feature__version=version)


def stored_unit_price():
    return f"{Rate.objects.get().unit_price.normalize():f}"


TYPED = [
    # typed      for each     model       stored
    ("3", "1000000", "per_unit", "0.000003"),
    ("1,250.5", "1000", "per_unit", "1.2505"),
    ("0.000004", "1", "per_unit", "0.000004"),
    ("0.000005", "", "per_unit", "0.000005"),
    ("7", "1000000", "flat", "7"),
]


@pytest.mark.parametrize(("typed", "per", "model", "unit"), TYPED)
def test_it_is_stored_per_unit(member, price, typed, per, model, unit):
    post(member, price, form(price, [], model=model, unit_price=typed, per=per))
    assert stored_unit_price() == unit


def test_it_is_shown_per_million_where_that_reads_best(member, price):
    page = member("finance").get(f"/admin/plans/price/{price.pk}/change/").content.decode()
    assert 'value="2.5"' in page
    assert '<option value="1000000" selected' in page


def test_a_price_with_too_many_decimal_places_per_unit_is_rejected(member, price):
    answer = post(member, price, form(price, [], model="per_unit", unit_price="0.0000001", per="1000000"))
    assert "at most 12 decimal places" in answer.content.decode()
    assert stored_unit_price() == "0.0000025"
