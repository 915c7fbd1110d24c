"""The comparison page of a version: differences, tiers side by side, and two example bills."""

import re
from html import unescape

import pytest

from plans.publishing.publication import new_version
from tests.builders import FEB, fee, make_plan, offer, publish, rate, tier


@pytest.fixture
def live(db):
    ladder = [tier(100, "0.05"), tier(None, "0.02")]
    offers = [offer("calls", included=10, rates=[rate(tiers=ladder)]), offer("exports", rates=[rate("0.5")])]
    return publish(make_plan("pro", fees=[fee("10")], offers=offers))


@pytest.fixture
def draft(live):
    version = new_version(source=live, by=None, at=FEB)
    version.fees.update(amount=12)
    version.features.get(feature__code="calls").prices.get().rates.get().tiers.filter(up_to=100).update(up_to=200)
    return version


def text_of(client, version, query=""):
    answer = client.get(f"/admin/plans/planversion/{version.pk}/what_changes/{query}")
    assert answer.status_code == 200
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()))


def test_every_difference_is_listed_under_its_subject(member, draft):
    text = text_of(member("finance"), draft)
    assert "Price or setting v1 v2 Change Base fee: amount $10.00 $12.00 +20%" in text
    assert "exports" not in text.split("Example bill")[0], "what stays the same is not told"


def test_tiers_are_shown_side_by_side(member, draft):
    text = text_of(member("finance"), draft)
    assert "up to 100 $0.05 per call – up to 200 – $0.05 per call last tier $0.02 per call $0.02 per call" in text


def test_an_example_bill_uses_typical_usage_or_the_given_quantities(member, draft):
    client = member("finance")
    assert "Total before tax" in text_of(client, draft)
    text = text_of(client, draft, "?against=1&use-0=1,010&use-1=0")
    # 1,000 billable calls: 100 × 0.05 + 900 × 0.02 before, 200 × 0.05 + 800 × 0.02 after.
    assert "Base fee $10.00 $12.00 +20% calls $23.00 $26.00 +13%" in text
    assert "Total before tax $33.00 $38.00 +15.2%" in text


@pytest.mark.parametrize("typed", ["many", "-1", "NaN", "1e99"])
def test_an_invalid_quantity_shows_the_error(member, draft, typed):
    assert "The bill can't be calculated" in text_of(member("finance"), draft, f"?use-0={typed}")


@pytest.mark.parametrize("against", ["9", "x", "99999999999999999999", ""])
def test_an_unknown_version_falls_back_to_the_default_comparison(member, draft, against):
    assert "Base fee" in text_of(member("finance"), draft, f"?against={against}")


def test_versions_without_a_difference_say_so(member, live):
    text = text_of(member("finance"), new_version(source=live, by=None, at=FEB))
    assert "No changes: Pro v2 has the same grants and prices as Pro v1" in text


def test_the_first_version_has_nothing_to_compare_with(member, live):
    assert "there is no version to compare with" in text_of(member("finance"), live)


def test_staff_who_see_a_version_see_its_changes(member, draft):
    assert "$12.00" in text_of(member("support"), draft)
