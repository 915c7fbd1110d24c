"""Finance sets quotas and a throttle on a feature's own page; checks follow them once the version is published."""

from decimal import Decimal

import pytest
from django.urls import reverse

from billing.limits.check import QUOTA_REACHED, check
from plans.models import UsageLimit
from tests.billing.limits.reservations.reservation_setup import NOW
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db

D = Decimal


@pytest.fixture
def draft():
    return make_plan("pro", offers=[offer("calls", included=5, rates=[rate("0.05")])])


def address(version):
    return reverse("admin:plans_planfeature_change", args=[version.features.get().pk])


def form_of(*limits):
    """Return the fields of the page with these new limits."""
    typed = {
        "stub_allowance": "prorated",
        "usage_limits-TOTAL_FORMS": str(len(limits)),
        "usage_limits-INITIAL_FORMS": "0",
        "usage_limits-MIN_NUM_FORMS": "0",
        "usage_limits-MAX_NUM_FORMS": "1000",
    }
    for index, limit in enumerate(limits):
        typed |= {f"usage_limits-{index}-{name}": value for name, value in limit.items()}
    return typed


QUOTA = {
    "kind": "quota",
    "most": "2",
    "counts": "units",
    "window_count": "5",
    "window_unit": "hour",
    "window_start": "sliding",
    "after": "refuse",
    "slow_to": "",
}


def test_a_quota_is_entered_shown_and_enforced(member, draft):
    client = member("finance")
    assert client.get(address(draft)).status_code == 200
    client.post(address(draft), form_of(QUOTA, {"kind": "throttle", "most": "10", "counts": "units"}), follow=True)
    assert draft.features.get().stub_allowance == "prorated"
    quota, throttle = UsageLimit.objects.order_by("position")
    assert (quota.most, quota.window_count, quota.window_unit, throttle.most) == (2, 5, "hour", 10)
    page_text = client.get(f"/admin/plans/planversion/{draft.pk}/change/").content.decode()
    assert "Up to 2 calls in any 5 hours; further requests are declined." in page_text
    assert "Beyond the allowance, usage is slowed down to 10 calls a minute." in page_text

    subscribe(make_customer("acme"), publish(draft))
    calls = {"customer": "acme", "event": "calls", "timestamp": NOW.isoformat()}
    send({**calls, "id": "1"}, {**calls, "id": "2"}, at=NOW)
    assert check(customer="acme", feature="calls", quantity=D(1), sandbox=False, at=NOW).reason == QUOTA_REACHED


WRONG = [
    ({"most": "0"}, "Enter a number above zero."),
    ({"after": "slow"}, "Enter how many uses a minute to allow"),
    ({"window_unit": "day", "window_count": "31"}, "Enter 1 to 30; a window lasts at most 30 days."),
]


@pytest.mark.parametrize(("typed", "message"), WRONG)
def test_an_invalid_limit_shows_the_error(member, draft, typed, message):
    page_text = member("finance").post(address(draft), form_of(QUOTA | typed)).content.decode()
    assert message in page_text
    assert not UsageLimit.objects.exists()


def test_two_limits_of_one_window_and_units_that_do_not_add_up_are_refused(member, draft):
    page_text = member("finance").post(address(draft), form_of(QUOTA, QUOTA)).content.decode()
    assert "Another limit counts the same uses over the same time." in page_text
    meter = make_meter("peak", aggregation="max", value_property="n")
    level = make_plan("level", offers=[offer(make_feature("peak", meter=meter), rates=[rate("1")])])
    page_text = member("finance").post(address(level), form_of(QUOTA)).content.decode()
    assert "add up over time. Count events instead." in page_text.replace("&#x27;", "'")


def test_a_published_version_keeps_its_limits(member, draft):
    publish(draft)
    assert 'name="usage_limits-0-most"' not in member("finance").get(address(draft)).content.decode()
    assert member("finance").post(address(draft), form_of(QUOTA)).status_code == 403
