"""A plan is changed by hand after a preview of the next invoice: now, at the period's end, or on a date."""

import re
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from billing.models import ScheduledChange
from tests.builders import fee, make_customer, make_plan, publish, subscribe


@pytest.fixture
def subscription(db):
    now = timezone.now()
    starter, _ = (publish(make_plan(code, fees=[fee(amount)]), at=now) for code, amount in [("a", "10"), ("b", "40")])
    return subscribe(make_customer(time_zone="Asia/Kolkata"), starter, starts_at=now)


def preview_and_confirm(client, subscription, **typed):
    """Post the form for the preview, then confirm it; return the text of the preview."""
    url = f"/admin/billing/subscription/{subscription.pk}/change_plan/"
    version = re.search(r'<option value="(\d+)"', client.get(url).content.decode())[1]
    preview = client.post(url, {"version": version, **typed})
    seen_token = re.search(r'name="seen" value="([^"]*)"', preview.content.decode())[1]
    client.post(url, {"version": version, **typed, "seen": seen_token})
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", preview.content.decode()).split()))


def test_now(member, subscription):
    assert "The next invoice is" in preview_and_confirm(member("finance"), subscription, when="now")
    subscription.refresh_from_db()
    assert str(subscription.version) == "B v1"


def test_at_the_end_of_the_period(member, subscription):
    client = member("finance")
    text = preview_and_confirm(client, subscription, when="period")
    assert "B: Base fee: $40.00" in text, "the next fee, in advance"
    change = ScheduledChange.objects.get()
    assert change.moment == subscription.periods.get(kind="regular").ends_at
    page = client.get(f"/admin/billing/scheduledchange/{change.pk}/change/").content.decode()
    assert "upcoming" in page
    assert "pending" not in page, "its state in words"


def test_at_a_date_by_the_customers_clocks(member, subscription):
    day = timezone.now().astimezone(ZoneInfo("Asia/Kolkata")) + timedelta(days=400)
    typed = {"moment_0": f"{day:%Y-%m-%d}", "moment_1": "00:00:00"}
    assert "(Asia/Kolkata)" in preview_and_confirm(member("finance"), subscription, when="date", **typed)
    assert f"{ScheduledChange.objects.get().moment:%H:%M}" == "18:30"


def test_a_change_on_a_date_needs_the_date(member, subscription):
    client = member("finance")
    url = f"/admin/billing/subscription/{subscription.pk}/change_plan/"
    version = re.search(r'<option value="(\d+)"', client.get(url).content.decode())[1]
    assert "Enter the date" in client.post(url, {"version": version, "when": "date"}).content.decode()


def test_the_billing_period_may_restart(member, subscription):
    publish(make_plan("0", fees=[fee("50")], anchor="anniversary"))  # the first one in the list
    text = preview_and_confirm(member("finance"), subscription, when="now", billing_period="restart")
    assert "0: Base fee: $50.00" in text, "a whole fee"
    assert subscription.periods.get(anchor_at__isnull=False).continues is None
