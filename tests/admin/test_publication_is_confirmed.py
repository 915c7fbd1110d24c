"""
Publishing, copying and withdrawing a version: confirmed on a page that states the consequences, then done as stated.
"""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from plans.models import PlanVersion
from tests.builders import JAN, fee, make_customer, make_plan, publish, subscribe

NEW = {"audience": "new"}


@pytest.fixture
def live(db):
    return publish(make_plan("pro", fees=[fee("10")]))


def draft():
    return make_plan("pro", fees=[fee("12")])


def get_confirmation(client, version, step):
    answer = client.get(f"/admin/plans/planversion/{version.pk}/{step}/")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_names_the_subscriptions_that_keep_their_prices(member, live):
    for _ in range(2):
        subscribe(make_customer(), live)
    text = get_confirmation(member("finance"), draft(), "publish_now")
    assert "Pro v2 takes effect now; new subscriptions to Pro get its prices." in text
    assert "Pro v1, in force since 1 Jan 2026, 00:00, ends then." in text
    assert "2 active subscriptions: 2 on v1. Choose below which of them move." in text
    assert "can&#x27;t be edited" in text


def test_publishes_now_and_ends_the_version_before(member, live):
    version = draft()
    answer = member("finance").post(
        f"/admin/plans/planversion/{version.pk}/publish_now/", NEW | {"_reason": "New year"}
    )
    assert answer.url == f"/admin/plans/planversion/{version.pk}/change/"
    version.refresh_from_db()
    live.refresh_from_db()
    assert (version.state, live.state) == ("live", "retired")
    assert live.effective_to == version.effective_from
    assert version.published_by is not None


def test_publishes_at_a_date_and_withdraws(member, live):
    version, client = draft(), member("finance")
    day = timezone.now() + timedelta(days=10)
    when = NEW | {"effective_from_0": f"{day:%Y-%m-%d}", "effective_from_1": "06:00:00", "zone": "UTC"}
    client.post(f"/admin/plans/planversion/{version.pk}/publish_at/", when)
    version.refresh_from_db()
    assert (version.state, version.effective_from.hour) == ("scheduled", 6)
    assert "becomes a draft again" in get_confirmation(client, version, "withdraw")
    client.post(f"/admin/plans/planversion/{version.pk}/withdraw/")
    version.refresh_from_db()
    assert version.state == "draft"


def test_refuses_a_date_that_is_past_in_words(member, live):
    version = draft()
    fields = NEW | {"effective_from_0": "2026-01-02", "effective_from_1": "00:00:00", "zone": "UTC"}
    answer = member("finance").post(f"/admin/plans/planversion/{version.pk}/publish_at/", fields, follow=True)
    assert "is in the past" in answer.content.decode()


def test_offers_no_button_for_an_unfinished_version(member, db):
    text = get_confirmation(member("finance"), make_plan("empty"), "publish_now")
    assert "Not possible yet" in text
    assert "The version has no fees or features" in text
    assert "Publish now" not in text.split("Not possible yet")[1]


@pytest.mark.parametrize("group", ["operations", "support", "engineer"])
@pytest.mark.parametrize("step", ["publish_now", "publish_at", "withdraw", "new_version"])
def test_is_refused_to_other_groups(member, live, group, step):
    assert member(group).post(f"/admin/plans/planversion/{live.pk}/{step}/").status_code == 403


def test_copies_into_a_draft(member, live):
    answer = member("finance").post(f"/admin/plans/planversion/{live.pk}/new_version/", {"note": "Cheaper"})
    copy = PlanVersion.objects.latest("pk")
    assert answer.url == f"/admin/plans/planversion/{copy.pk}/change/"
    assert (copy.number, copy.state, copy.note, copy.copied_from) == (2, "draft", "Cheaper", live)
    assert copy.fees.count() == 1


def test_a_published_version_has_no_inputs_and_rejects_changes(member, live):
    client = member("finance")
    page = client.get(f"/admin/plans/planversion/{live.pk}/change/").content.decode()
    assert 'name="note"' not in page
    assert 'name="fees-0-amount"' not in page
    assert "New version" in page
    assert "Publish now" not in page
    answer = client.post(f"/admin/plans/planversion/{live.pk}/change/", {"note": "changed"})
    assert answer.status_code == 403
    assert PlanVersion.objects.get(pk=live.pk).note == ""


def test_the_first_version_of_a_plan_is_created_from_its_page(member, db):
    client = member("finance")
    client.post("/admin/plans/plan/add/", {"name": "Pro", "code": "pro"})
    page = client.get("/admin/plans/planversion/add/?plan=1")
    assert page.status_code == 200
    plan = PlanVersion.plan.field.related_model.objects.get()
    fields = {
        "plan": plan.pk,
        "interval_count": 1,
        "interval_unit": "month",
        "anchor": "calendar",
        "proration": "day",
    }
    client.post("/admin/plans/planversion/add/", fields)
    version = PlanVersion.objects.get()
    assert (version.number, version.state, version.proration) == (1, "draft", "day")
    assert version.created_at > JAN
