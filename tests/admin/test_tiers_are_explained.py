"""Invalid tiers are rejected with a message at their row; valid tiers are stored exactly."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from billing.closing import close_due
from invoices.models import Line
from plans.models import Price, Rate, Tier
from tests.builders import FEB, JAN, make_customer, make_plan, offer, publish, rate, subscribe, tier, use


@pytest.fixture
def price(db):
    version = make_plan(offers=[offer("calls", rates=[rate(tiers=[tier("10", "2"), tier(None, "1")])])])
    return Price.objects.get(plan_feature__version=version)


def form(price, rows, *, model="graduated", **rate_fields):
    """
    Return the fields that the page posts: the price's single rate with these rows: up_to, unit_price, flat_fee and
    perhaps the maximum.
    """
    stored = list(Tier.objects.filter(rate__price=price).order_by("up_to"))
    fields = {
        "rates-TOTAL_FORMS": "1",
        "rates-INITIAL_FORMS": "1",
        "rates-0-id": Rate.objects.get(price=price).pk,
        "rates-0-price": price.pk,
        "rates-0-position": "0",
        "rates-0-model": model,
        "rates-0-tiers-TOTAL_FORMS": str(len(rows)),
        "rates-0-tiers-INITIAL_FORMS": str(len(stored)),
        "_save": "Save",
    }
    for place, (up_to, unit_price, flat_fee, *maximum) in enumerate(rows):
        prefix = f"rates-0-tiers-{place}"
        fields |= {f"{prefix}-up_to": up_to, f"{prefix}-unit_price": unit_price, f"{prefix}-flat_fee": flat_fee}
        fields |= {f"{prefix}-maximum": "".join(maximum)}
        if place < len(stored):
            fields |= {f"{prefix}-id": stored[place].pk, f"{prefix}-rate": stored[place].rate_id}
    return fields | {f"rates-0-{name}": value for name, value in rate_fields.items()}


def post(member, price, fields):
    return member("finance").post(f"/admin/plans/price/{price.pk}/change/", fields)


MISFITS = [
    # rows typed, message, reason
    (
        [("10", "2", ""), ("20", "1", "")],
        "The last tier has no end. It starts at 11; leave its last unit empty.",
        "no open tier",
    ),
    (
        [("", "2", ""), ("", "1", "")],
        "Only the last tier has no end. This one starts at 1; enter its last unit.",
        "two open tiers",
    ),
    (
        [("10", "2", ""), ("10", "1.5", ""), ("", "1", "")],
        "Tier 2 starts after 10.",
        "the same bound twice",
    ),
    (
        [("2.5", "2", ""), ("2.5", "1.5", ""), ("", "1", "")],
        "Tier 2 starts after 2.5.",
        "fractions",
    ),
    ([("0", "2", ""), ("", "1", "")], "The last unit must be above 0", "an empty first tier"),
    ([("10", "-2", ""), ("", "1", "")], "The price per unit must be between 0", "a negative price"),
    ([("ten", "2", ""), ("", "1", "")], "Enter a number", "a word"),
    ([("0,05", "2", ""), ("", "1", "")], "Enter a number", "a decimal comma is refused, not multiplied"),
    ([("10", "", ""), ("", "1", "")], "This field is required", "no price"),
]


@pytest.mark.parametrize(("rows", "message", "why"), MISFITS)
def test_refuses(member, price, rows, message, why):
    answer = post(member, price, form(price, rows))
    assert answer.status_code == 200, why
    assert message in answer.content.decode(), why
    assert Tier.objects.filter(up_to=10, unit_price=2).exists(), "nothing of it was stored"


def test_accepts_rows_in_any_order_and_numbers_with_separators(member, price):
    rows = [("1,000", "0.5", "3"), ("", "0.000000000001", ""), ("10.5", "2", "0")]
    assert post(member, price, form(price, rows)).status_code == 302
    ladder = list(Tier.objects.order_by("up_to").values_list("up_to", "unit_price", "flat_fee"))
    assert ladder == [(D("10.5"), 2, 0), (1000, D("0.5"), 3), (None, D("0.000000000001"), 0)]


def test_deletes_the_tiers_of_a_rate_that_is_no_longer_tiered(member, price):
    fields = form(price, [("10", "2", ""), ("", "1", "")], model="per_unit", unit_price="0.25")
    assert post(member, price, fields).status_code == 302
    assert Tier.objects.count() == 0
    assert Rate.objects.get().unit_price == D("0.25")


def test_a_package_needs_its_size(member, price):
    answer = post(member, price, form(price, [("10", "2", ""), ("", "1", "")], model="package", unit_price="5"))
    assert "Enter the number of units in a package." in answer.content.decode()


def test_a_published_price_has_no_inputs_and_rejects_changes(member, db):
    version = publish(make_plan(offers=[offer("calls", rates=[rate(tiers=[tier("10", "2"), tier(None, "1")])])]))
    price = Price.objects.get(plan_feature__version=version)
    page = member("finance").get(f"/admin/plans/price/{price.pk}/change/").content.decode()
    assert 'name="rates-0-model"' not in page
    assert "000000000000" not in page, "numbers are shown without their padding"
    assert post(member, price, form(price, [("10", "9", ""), ("", "9", "")])).status_code == 403
    assert not Tier.objects.filter(unit_price=9).exists()


def test_a_maximum_is_entered_and_limits_the_invoice(member, price):
    post(member, price, form(price, [("10", "1.50", "", "12"), ("", "0.50", "2", "30")]))
    assert list(Tier.objects.order_by("up_to").values_list("maximum", flat=True)) == [12, 30]
    page_text = member("finance").get(f"/admin/plans/price/{price.pk}/change/").content.decode()
    assert "Tier maximum" in page_text

    subscription = subscribe(make_customer("acme"), publish(price.plan_feature.version))
    use(subscription, price.plan_feature.feature.code, 80, at=JAN)
    close_due(at=FEB + timedelta(hours=2))
    line = Line.objects.get(kind="usage")
    assert (line.amount.amount, line.explanation["formula"]) == (42, "10 × 1.5 − 3 + 70 × 0.5 − 5")
