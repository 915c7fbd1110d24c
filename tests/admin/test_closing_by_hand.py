"""
Closing periods in the admin: confirmed with a count, done once; failures are shown with the time of the next retry.
"""

import pytest
from django.utils import timezone

from billing.models import Counter, Period
from invoices.models import Invoice
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, use

LIST = "/admin/billing/period/"


@pytest.fixture
def ended_periods(db):
    """Return the January periods of three customers. All have ended."""
    version = publish(make_plan(fees=[fee("10", billed="arrears")], offers=[offer("calls", rates=[rate("0.05")])]))
    return [use(subscribe(make_customer(), version), "calls", 100) for _ in range(3)]


def post_close(client, periods, **more):
    fields = {"action": "close_now", "_selected_action": [period.pk for period in periods], **more}
    return client.post(LIST, fields, follow=True)


def test_the_confirmation_states_the_number_of_periods(member, ended_periods):
    text = post_close(member("finance"), ended_periods).content.decode()
    assert "3 periods are closed and invoiced, each at most once." in text
    assert ">Invoice 3 periods</button>" in text
    assert not Invoice.objects.exists()


def test_the_chosen_periods_are_closed_once_after_confirmation(member, ended_periods):
    client = member("finance")
    for _ in range(2):
        answer = post_close(client, ended_periods[:2], confirmed="yes")
    assert Invoice.objects.count() == 2
    assert Period.objects.filter(state="closed").count() == 2
    assert answer.status_code == 200


def test_a_period_that_has_not_ended_is_not_closed(member, ended_periods):
    running = subscribe(make_customer(), ended_periods[0].version, starts_at=timezone.now()).periods.last()
    text = post_close(member("finance"), [running, ended_periods[0]]).content.decode()
    assert "1 period has not ended yet" in text
    assert 'type="submit">Close' not in text


def test_a_failed_close_shows_its_reason_and_the_time_of_the_retry(member, ended_periods):
    client = member("finance")
    # Usage of a feature that the version does not have cannot be priced.
    Counter.objects.filter(period=ended_periods[0]).update(plan_feature_id=999_999)
    answer = post_close(client, ended_periods, confirmed="yes")
    text = answer.content.decode()
    assert "2 periods closed; invoices issued: 2." in text
    assert "has no price in USD" in text
    page = client.get(f"{LIST}{ended_periods[0].pk}/change/").content.decode()
    assert "Invoicing failed" in page
    assert "Next attempt at" in page
    closing = client.get(f"{LIST}closing/").content.decode()
    assert "has no price in USD" in closing
    assert client.get("/admin/").content.decode().count("Invoicing failed") == 1


def test_one_period_from_its_own_page(member, ended_periods):
    client = member("operations")
    assert "Invoice now" in client.get(f"{LIST}{ended_periods[0].pk}/change/").content.decode()
    client.post(f"{LIST}{ended_periods[0].pk}/close_this/")
    ended_periods[0].refresh_from_db()
    assert ended_periods[0].state == "closed"
    page = client.get(f"{LIST}{ended_periods[0].pk}/change/").content.decode()
    assert "Invoice now" not in page
    assert str(ended_periods[0].invoice) in page


@pytest.mark.parametrize("group", ["support", "engineer"])
def test_is_refused_to_other_groups(member, ended_periods, group):
    client = member(group)
    post_close(client, ended_periods, confirmed="yes")
    assert client.post(f"{LIST}{ended_periods[0].pk}/close_this/").status_code == 403
    assert client.post("/admin/billing/job/close_due/").status_code == 403
    assert not Invoice.objects.exists()


def test_the_closing_page_counts_by_day(member, ended_periods):
    Period.objects.filter(pk=ended_periods[0].pk).update(due_at=timezone.now())
    page = member("finance").get(f"{LIST}closing/")
    assert [(day.due, day.closed) for day in page.context["days"] if day.day == timezone.now().date()] == [(1, 0)]


def test_a_refresh_returns_only_the_counts(member, ended_periods):
    part = member("support").get(f"{LIST}closing/", headers={"HX-Request": "true"}).content.decode()
    assert "By due date" in part
    assert "<html" not in part
