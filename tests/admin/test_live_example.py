"""The live example of a price rates the unsaved form with the function that bills."""

import pytest

from plans.models import Price, Rate, Tier
from tests.admin.test_tiers_are_explained import form
from tests.builders import make_cost, make_meter, make_plan, offer, publish, rate, tier


def make_price(*, rates, **fields):
    version = make_plan(offers=[offer("calls", rates=rates, **fields)])
    return Price.objects.get(plan_feature__version=version)


@pytest.fixture
def graduated(db):
    return make_price(rates=[rate(tiers=[tier("10", "2"), tier(None, "1")])])


def example(client, price, fields):
    answer = client.post(f"/admin/plans/price/{price.pk}/example/", fields)
    assert answer.status_code == 200
    return answer.content.decode(), [(example.usage, example.amount) for example in answer.context["examples"]]


TYPED = [("10,000", "0.0025", ""), ("100,000", "0.001", ""), ("", "0.000775", "")]


def test_rates_the_unsaved_form_and_saves_nothing(member, graduated):
    before = list(Tier.objects.values())
    _, amounts = example(member("finance"), graduated, form(graduated, TYPED, example="125000"))
    assert amounts == [("125,000 calls", "$134.38")]
    assert list(Tier.objects.values()) == before


def test_works_for_several_quantities(member, graduated):
    _, amounts = example(member("finance"), graduated, form(graduated, TYPED, example="0; 1 10,000 1_000_000"))
    assert amounts == [
        ("0 calls", "$0.00"),
        ("1 call", "$0.00"),
        ("10,000 calls", "$25.00"),
        ("1,000,000 calls", "$812.50"),
    ]


def test_chooses_quantities_at_tier_bounds_by_default(member, graduated):
    _, amounts = example(member("finance"), graduated, form(graduated, [("10", "2", ""), ("", "1", "")]))
    assert amounts == [("10 calls", "$20.00"), ("20 calls", "$30.00")]


def test_explains_each_part(member, graduated):
    text, _ = example(member("finance"), graduated, form(graduated, [("10", "2", "7"), ("", "1", "")], example="12"))
    for part in ("1 – 10", "$2.00", "$7.00", "$27.00", "from 11", "$29.00"):
        assert part in text


def test_charges_the_current_unit_cost(member, db):
    price = make_price(rates=[rate(model="dynamic", cost_source="unit_cost", markup="2")])
    arguments = {f"example-{Rate.objects.get().pk}": "10"}
    text, _ = example(member("support"), price, arguments)
    assert "no unit cost is in force for this usage" in text
    make_cost(price.plan_feature.feature.meter, "0.25")
    assert example(member("support"), price, arguments)[1] == [("10 calls", "$5.00")]


def test_subtracts_included_units(member, db):
    price = make_price(included=100, rates=[rate("0.10")])
    text, amounts = example(member("support"), price, {f"example-{Rate.objects.get().pk}": "150"})
    assert amounts == [("150 calls", "$5.00")]
    assert "included" in text


def test_shows_the_units_that_a_hard_cap_refuses(member, db):
    price = make_price(included=100, consumption="hard_cap", rates=[rate("0.10")])
    text, amounts = example(member("support"), price, {f"example-{Rate.objects.get().pk}": "150"})
    assert amounts == [("150 calls", "$0.00")]
    assert "above the cap" in text


def test_adds_up_several_rates(member, db):
    meter = make_meter("calls", dimensions=["model"])
    price = make_price(rates=[rate("0.10", match={"model": "large"}), rate("0.01", label="Others")])
    assert meter.code == "calls"
    large, others = Rate.objects.order_by("position")
    fields = {f"example-{large.pk}": "10 20", f"example-{others.pk}": "100"}
    _, amounts = example(member("support"), price, fields)
    assert amounts == [("110 calls", "$2.00"), ("120 calls", "$3.00")]


PROBLEMS = [
    # typed                                             message
    ({"rows": [("10", "2", ""), ("10", "1", ""), ("", "0", "")]}, "Tier 2 starts after 10"),
    ({"rows": [("10", "x", ""), ("", "1", "")]}, "Enter a number"),
    ({"rows": TYPED, "example": "many"}, "“many” is not a number"),
    ({"rows": TYPED, "example": "-1"}, "“-1” is not a quantity"),
    ({"rows": TYPED, "match": "model"}, "“model” is incomplete"),
]


@pytest.mark.parametrize(("typed", "message"), PROBLEMS)
def test_an_invalid_form_shows_the_reason(member, graduated, typed, message):
    text, amounts = example(member("finance"), graduated, form(graduated, **typed))
    assert message in text
    assert amounts == []


def test_is_refused_to_users_who_may_not_see_the_price(member, graduated, django_user_model):
    client = member("support")
    django_user_model.objects.get().groups.clear()
    assert client.post(f"/admin/plans/price/{graduated.pk}/example/", {}).status_code == 403


def test_equals_the_billed_amount(member, db):
    """A published version's example is rated on the terms that closing reads."""
    version = publish(make_plan(offers=[offer("calls", included=3, rates=[rate("0.333333333333")])]))
    price = Price.objects.get(plan_feature__version=version)
    _, amounts = example(member("support"), price, {f"example-{Rate.objects.get().pk}": "10"})
    assert amounts == [("10 calls", "$2.33")]
