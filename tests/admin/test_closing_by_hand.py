"""Closing from the admin: asked with a count, done once, its failures told with what happens next."""

import pytest
from django.utils import timezone

from billing.models import Counter, Period
from invoices.models import Invoice
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, use

LIST = "/admin/billing/period/"


@pytest.fixture
def over(db):
    """Return the periods of January of three customers, which are over."""
    version = publish(make_plan(fees=[fee("10", billed="arrears")], offers=[offer("calls", rates=[rate("0.05")])]))
    return [use(subscribe(make_customer(), version), "calls", 100) for _ in range(3)]


def choose(client, periods, **more):
    fields = {"action": "close_now", "_selected_action": [period.pk for period in periods], **more}
    return client.post(LIST, fields, follow=True)


def test_asks_first_with_the_count(member, over):
    text = choose(member("finance"), over).content.decode()
    assert "3 periods are closed and invoiced, each at most once." in text
    assert ">Close 3 periods</button>" in text
    assert not Invoice.objects.exists()


def test_closes_what_was_chosen_once_it_is_confirmed(member, over):
    client = member("finance")
    for _ in range(2):
        answer = choose(client, over[:2], confirmed="yes")
    assert Invoice.objects.count() == 2
    assert Period.objects.filter(state="closed").count() == 2
    assert answer.status_code == 200


def test_does_not_close_what_is_not_over(member, over):
    running = subscribe(make_customer(), over[0].version, starts_at=timezone.now()).periods.last()
    text = choose(member("finance"), [running, over[0]]).content.decode()
    assert "1 of them are not over yet" in text
    assert 'type="submit">Close' not in text


def test_tells_why_one_failed_and_when_it_is_tried_again(member, over):
    client = member("finance")
    # Usage of a feature that the version does not have cannot be priced.
    Counter.objects.filter(period=over[0]).update(plan_feature_id=999_999)
    answer = choose(client, over, confirmed="yes")
    text = answer.content.decode()
    assert "2 periods closed, 2 with an invoice." in text
    assert "has no price in USD" in text
    page = client.get(f"{LIST}{over[0].pk}/change/").content.decode()
    assert "Why it could not be closed" in page
    assert "tried again at" in page
    closing = client.get(f"{LIST}closing/").content.decode()
    assert "has no price in USD" in closing
    assert client.get("/admin/").content.decode().count("Closes that failed") == 1


def test_one_period_from_its_own_page(member, over):
    client = member("operations")
    assert "Close now" in client.get(f"{LIST}{over[0].pk}/change/").content.decode()
    client.post(f"{LIST}{over[0].pk}/close_this/")
    over[0].refresh_from_db()
    assert over[0].state == "closed"
    page = client.get(f"{LIST}{over[0].pk}/change/").content.decode()
    assert "Close now" not in page
    assert str(over[0].invoice) in page


@pytest.mark.parametrize("group", ["support", "engineer"])
def test_is_not_for(member, over, group):
    client = member(group)
    choose(client, over, confirmed="yes")
    assert client.post(f"{LIST}{over[0].pk}/close_this/").status_code == 403
    assert client.post("/admin/billing/job/close_due/").status_code == 403
    assert not Invoice.objects.exists()


def test_the_closing_page_counts_by_day(member, over):
    Period.objects.filter(pk=over[0].pk).update(due_at=timezone.now())
    page = member("finance").get(f"{LIST}closing/")
    assert [(day.due, day.closed) for day in page.context["days"] if day.day == timezone.now().date()] == [(1, 0)]


def test_the_counts_come_alone_when_they_are_refreshed(member, over):
    part = member("support").get(f"{LIST}closing/", headers={"HX-Request": "true"}).content.decode()
    assert "By day due" in part
    assert "<html" not in part
