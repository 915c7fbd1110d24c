"""Finance requests a publication, a finance approver decides, and the pages show the review and its history."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from access.models import ApprovalRequest, ApprovalRule
from plans.models import PublishingRule
from tests.builders import fee, make_plan, make_seller, offer, publish, rate
from tests.deferred_checks import check_deferred


@pytest.fixture
def version(db):
    publish(make_plan("pro", fees=[fee("10")]))
    return make_plan("pro", fees=[fee("16")], offers=[offer("calls", included=5, rates=[rate("0")])])


@pytest.fixture
def rule(version):
    check_deferred()
    ApprovalRule.objects.filter(kind="price_changes").update(is_required=True)


def page(version, step="change"):
    return f"/admin/plans/planversion/{version.pk}/{step}/"


def decision(step):
    return f"/admin/access/approvalrequest/{ApprovalRequest.objects.get(state='waiting').pk}/{step}/"


def text(answer):
    assert answer.status_code == 200
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()))


def state_of(version):
    version.refresh_from_db()
    return version.state


def ask(client, version):
    form = {"audience": "new", "acknowledged": "on", "_reason": "Costs rise"}
    return text(client.post(page(version, "publish_now"), form, follow=True))


def test_from_a_draft_to_its_publication(member, version, rule):
    finance, approver = member("finance"), member("finance approver")
    assert "A second person must approve this" in ask(finance, version)
    assert state_of(version) == "review"
    page_text = text(finance.get(page(version)))
    assert "Publish now" not in page_text
    assert "Approval awaiting approval" in page_text
    page_text = text(approver.get(decision("approve")))
    assert "Base fee: amount: $10.00 → $16.00 (+60%): a change of more than 50% from Pro v1" in page_text
    approver.post(decision("approve"), {"_reason": "Go"})
    assert ApprovalRequest.objects.get().decision == "Go"
    assert state_of(version) == "live"
    timeline = text(finance.get(page(version))).partition("Timeline")[2]
    order = ["submitted for approval by Finance", "Costs rise", "approved and published by Finance Approver", "Go"]
    places = [timeline.index(words) for words in order]
    assert places == sorted(places)
    assert "Warnings acknowledged: " in timeline


def test_a_rejected_version_is_a_draft_again(member, version, rule):
    ask(member("finance"), version)
    member("finance approver").post(decision("reject"), {"_reason": "Too dear"})
    assert (state_of(version), ApprovalRequest.objects.get().decision) == ("draft", "Too dear")


def test_warnings_of_the_plan_check_are_acknowledged_before_publication(member, version):
    client = member("finance")
    page_text = text(client.get(page(version)))
    assert "usage above the included 5 calls is free" in page_text
    answer = client.post(page(version, "publish_now"), {"audience": "new"})
    assert state_of(version) == "draft"
    assert "I have read the warnings of the plan check" in text(answer)


def test_the_publishing_rule_is_changed_by_approvers(member, db):
    rule = "/admin/plans/publishingrule/1/change/"
    assert member("finance").post(rule, {"needs_simulation": "on"}).status_code == 403
    member("finance approver").post(rule, {"needs_simulation": "on"})
    assert PublishingRule.objects.get().needs_simulation


def test_waiting_requests_are_on_the_home_page(member, version, rule):
    make_seller()
    ask(member("finance"), version)
    assert "Requests waiting for approval: 1" in text(member("finance approver").get("/admin/"))


def test_approval_is_suggested_where_two_users_may_publish(member, db):
    details = reverse("admin:dashboard_details")
    assert "Price approval" not in text(member("finance").get(details))
    assert "Price approval" in text(member("finance approver").get(details))
    ApprovalRule.objects.filter(kind="price_changes").update(is_required=True)
    assert "Price approval" not in text(member("finance approver").get(details))
    assert User.objects.count() == 3
