"""An approver reads a price change on one page, with its date, audience and effect, and decides there."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from access.approvals import Requester, perform
from access.models import ApprovalRequest
from billing.models import Rollout
from billing.subscriptions.plan_changes.acts import PublishVersion
from plans.models import PlanVersion
from plans.publishing.publication import new_version
from tests.builders import JAN, add_override, fee, make_customer, make_plan, offer, publish, rate, subscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(db, require) -> PlanVersion:
    former = publish(make_plan("pro", fees=[fee("10")], offers=[offer("calls", rates=[rate("0.10")])]))
    for number in range(3):
        subscription = subscribe(make_customer(f"c{number}"), former)
    add_override(subscription, "calls", "percent", -20, at=timezone.now())
    version = new_version(source=former, by=None, at=JAN)
    version.fees.update(amount=16)
    require("price_changes")
    return version


def ask(user, version, **terms) -> ApprovalRequest:
    act = PublishVersion(version_id=version.pk, **{"audience": "all", **terms})
    return perform(act, by=Requester(user=user), at=timezone.now())


def page_of(request, user) -> str:
    client = Client()
    client.force_login(user)
    return client.get(f"/admin/access/approvalrequest/{request.pk}/change/").content.decode()


def post(request, user, verb, **form):
    client = Client()
    client.force_login(user)
    return client.post(f"/admin/access/approvalrequest/{request.pk}/{verb}/", form, follow=True).content.decode()


def test_the_page_shows_content_date_and_audience(draft, fiona, paula):
    request = ask(fiona, draft, effective_from=datetime(2030, 12, 1, tzinfo=UTC), acknowledged=["It is dear."])
    page = page_of(request, paula)
    for part in (
        "Pro v2, compared with Pro v1",
        "$10.00",
        "$16.00",
        "2030, ",
        "<strong>New and all existing subscriptions</strong>",
        "3 running subscriptions change. 1 of them keeps its custom prices.",
        "Accepted by the requester: It is dear.",
        "This content was not simulated on past usage.",
        "Nothing has changed since the request.",
        "Approve and schedule for December 1",
        'name="_reason"',
    ):
        assert part in page, part


def test_one_click_on_the_page_approves(draft, fiona, paula):
    request = ask(fiona, draft)
    assert "Approve and publish now" in page_of(request, paula)
    assert "approved and carried out" in post(request, paula, "approve", _reason="Agreed")
    request.refresh_from_db()
    assert (request.state, request.decision) == ("approved", "Agreed")
    assert PlanVersion.objects.get(pk=draft.pk).state == "live"
    assert Rollout.objects.count() == 1
    assert "Approve and publish now" not in page_of(request, paula)


def test_a_rejection_needs_a_reason(draft, fiona, paula):
    request = ask(fiona, draft)
    assert "Enter a reason for the requester." in post(request, paula, "reject")
    assert "rejected" in post(request, paula, "reject", _reason="Too dear")
    request.refresh_from_db()
    assert (request.state, request.decision) == ("rejected", "Too dear")


def test_the_requester_sees_the_content_without_a_decision(draft, fiona):
    page = page_of(ask(fiona, draft), fiona)
    assert "A second person must decide." in page
    assert "$16.00" in page
    assert 'name="_reason"' not in page


def test_a_change_since_the_request_is_named(draft, fiona, paula):
    request = ask(fiona, draft)
    other = new_version(source=draft.copied_from, by=None, at=JAN)
    PlanVersion.objects.filter(pk=draft.pk).update(state="draft")
    other.delete()
    draft.fees.update(amount=17)
    PlanVersion.objects.filter(pk=draft.pk).update(state="review")
    page = page_of(request, paula)
    assert "Content of Pro v2 has changed." in page
    assert "An approval would end as lapsed." in page
    assert "Nothing has changed since the request." not in page
