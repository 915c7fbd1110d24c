"""Finance requests approval, a finance approver decides, and the pages show the review and its history."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from plans.models import ChangeRequest, PublishingRule
from tests.builders import fee, make_plan, make_seller, offer, publish, rate


@pytest.fixture
def version(db):
    publish(make_plan("pro", fees=[fee("10")]))
    return make_plan("pro", fees=[fee("16")], offers=[offer("calls", included=5, rates=[rate("0")])])


def page(version, step="change"):
    return f"/admin/plans/planversion/{version.pk}/{step}/"


def text(answer):
    assert answer.status_code == 200
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()))


def state_of(version):
    version.refresh_from_db()
    return version.state


def test_from_a_draft_to_its_publication(member, version):
    PublishingRule.objects.update(needs_approval=True)
    finance, approver = member("finance"), member("finance approver")
    assert "must be approved by a second person" in text(finance.get(page(version, "publish_now")))
    finance.post(page(version, "ask"), {"_reason": "Costs rise"})
    assert state_of(version) == "review"
    assert "Publish now" not in text(finance.get(page(version)))
    page_text = text(approver.get(page(version, "approve")))
    assert "requested approval 0 minutes ago: “Costs rise”" in page_text
    assert "Base fee: amount: $10.00 → $16.00 (+60%): a change of more than 50% from Pro v1" in page_text
    approver.post(page(version, "approve"), {"_reason": "Go"})
    assert ChangeRequest.objects.get().decision == "Go"
    finance.post(page(version, "publish_now"), {"audience": "new", "acknowledged": "on"})
    assert state_of(version) == "live"
    life = text(finance.get(page(version))).partition("Timeline")[2]
    order = ["submitted for approval by Finance", "Costs rise", "approved by Finance Approver", "Go", "published by"]
    places = [life.index(words) for words in order]
    assert places == sorted(places)
    assert "Warnings acknowledged: " in life


def test_a_declined_version_is_a_draft_again(member, version):
    member("finance").post(page(version, "ask"))
    member("finance approver").post(page(version, "decline"), {"_reason": "Too dear"})
    assert (state_of(version), ChangeRequest.objects.get().decision) == ("draft", "Too dear")


def test_the_requester_can_withdraw_the_request_but_not_decide_it(member, version):
    root = member("root")
    root.post(page(version, "ask"))
    assert "You requested this approval" in text(root.get(page(version, "approve")))
    root.post(page(version, "approve"))
    assert ChangeRequest.objects.get().state == "waiting"
    root.post(page(version, "take_back"))
    assert (state_of(version), ChangeRequest.objects.get().state) == ("draft", "withdrawn")


def test_warnings_of_the_plan_check_are_acknowledged_before_publication(member, version):
    client = member("finance")
    page_text = text(client.get(page(version)))
    assert "usage above the included 5 calls is free" in page_text
    answer = client.post(page(version, "publish_now"), {"audience": "new"})
    assert state_of(version) == "draft"
    assert "I have read the warnings of the plan check" in text(answer)


@pytest.mark.parametrize(
    ("group", "step"), [("finance approver", "ask"), ("finance", "approve"), ("operations", "ask")]
)
def test_each_step_is_for_its_group(member, version, group, step):
    assert member(group).post(page(version, step)).status_code == 403


def test_the_publishing_rule_is_changed_by_approvers(member, db):
    rule = "/admin/plans/publishingrule/1/change/"
    assert member("finance").post(rule, {"needs_approval": "on"}).status_code == 403
    member("finance approver").post(rule, {"needs_approval": "on"})
    assert PublishingRule.objects.get().needs_approval


def test_waiting_requests_are_on_the_home_page(member, version):
    make_seller()
    member("finance").post(page(version, "ask"))
    assert "Price changes waiting for approval: 1" in text(member("finance approver").get("/admin/"))


def test_approval_is_suggested_where_two_users_may_publish(member, db):
    details = reverse("admin:dashboard_details")
    assert "Price approval" not in text(member("finance").get(details))
    assert "Price approval" in text(member("finance approver").get(details))
    PublishingRule.objects.update(needs_approval=True)
    assert "Price approval" not in text(member("finance approver").get(details))
    assert User.objects.count() == 3
