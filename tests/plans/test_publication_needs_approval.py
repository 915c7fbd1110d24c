"""
Where the rule requires it, a version is published only after a second person's approval: the database enforces it.
"""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from plans.models import ChangeRequest, PlanVersion, PublishingRule
from plans.publishing.approvals import ReviewRefused, approve, decline, request_approval, withdraw_request
from plans.publishing.publication import PublishingRefused, unschedule
from tests.builders import FEB, JAN, MAR, fee, make_plan, publish
from tests.db_refusals import refused_by
from tests.owner_rights import past_triggers

pytestmark = pytest.mark.django_db

# ruff: noqa: S608


@pytest.fixture
def fiona() -> Any:
    return get_user_model().objects.create_user("fiona")


@pytest.fixture
def andre() -> Any:
    return get_user_model().objects.create_user("andre")


@pytest.fixture
def rule() -> None:
    PublishingRule.objects.update(needs_approval=True)


@pytest.fixture
def draft() -> PlanVersion:
    return make_plan("pro", fees=[fee("10")])


def state_of(version: PlanVersion) -> str:
    return PlanVersion.objects.get(pk=version.pk).state


def goes_live(version: PlanVersion) -> str:
    return refused_by(
        "UPDATE plans_planversion SET state = 'live', effective_from = now(), published_at = now()"
        f" WHERE id = {version.pk}"
    )


class TestWithTheRule:
    pytestmark = pytest.mark.usefixtures("rule")

    def test_a_draft_is_not_published(self, draft):
        with pytest.raises(PublishingRefused, match="must be approved by a second person"):
            publish(draft)

    def test_a_waiting_version_is_not_published(self, draft, fiona):
        request_approval(version=draft, by=fiona, at=JAN)
        with pytest.raises(PublishingRefused, match="must be approved"):
            publish(draft)

    def test_an_approved_version_is_published_unchanged(self, draft, fiona, andre):
        approve(
            request=request_approval(version=draft, by=fiona, at=JAN, reason="Costs"),
            by=andre,
            at=JAN,
            decision="Fine",
        )
        assert publish(draft).state == "live"
        request = ChangeRequest.objects.get()
        assert (request.state, request.decided_by, request.decision, request.reason) == (
            "approved",
            andre,
            "Fine",
            "Costs",
        )

    def test_a_withdrawn_approval_is_needed_again(self, draft, fiona, andre):
        approve(request=request_approval(version=draft, by=fiona, at=JAN), by=andre, at=JAN)
        withdraw_request(version=draft, by=fiona, at=JAN)
        with pytest.raises(PublishingRefused, match="must be approved"):
            publish(draft)
        request_approval(version=draft, by=fiona, at=JAN)
        with pytest.raises(PublishingRefused, match="must be approved"):
            publish(draft)

    def test_a_withdrawn_publication_needs_a_new_approval(self, draft, fiona, andre):
        approve(request=request_approval(version=draft, by=fiona, at=JAN), by=andre, at=JAN)
        unschedule(version=publish(draft, at=JAN, effective_from=FEB), by=fiona, at=JAN)
        assert ChangeRequest.objects.get().state == "withdrawn"
        with pytest.raises(PublishingRefused, match="must be approved"):
            publish(draft)

    def test_the_database_refuses_an_unapproved_publication(self, draft, fiona, andre):
        assert goes_live(draft) == "publication_is_approved"
        request = request_approval(version=draft, by=fiona, at=JAN)
        assert goes_live(draft) == "publication_is_approved"
        approve(request=request, by=andre, at=JAN)
        assert goes_live(draft) == "nothing"

    def test_the_database_refuses_a_version_inserted_as_published(self, draft):
        born = (
            "INSERT INTO plans_planversion (plan_id, number, state, interval_unit, interval_count, anchor, proration,"
            " audience, effective_from, note, created_at, published_at) SELECT plan_id, 9, 'live', interval_unit,"
            " interval_count, anchor, proration, audience, now(), '', now(), now() FROM plans_planversion"
        )
        assert refused_by(born) == "publication_is_approved"

    def test_a_version_taken_out_of_review_by_hand_loses_its_approval(self, draft, fiona, andre):
        approve(request=request_approval(version=draft, by=fiona, at=JAN), by=andre, at=JAN)
        PlanVersion.objects.filter(pk=draft.pk).update(state="draft")
        PlanVersion.objects.filter(pk=draft.pk).update(state="review")
        assert goes_live(draft) == "publication_is_approved"

    def test_a_scheduled_version_still_becomes_active(self, draft, fiona, andre):
        approve(request=request_approval(version=draft, by=fiona, at=JAN), by=andre, at=JAN)
        publish(draft, at=JAN, effective_from=MAR)
        assert refused_by("UPDATE plans_planversion SET state = 'live'") == "nothing"


class TestDecision:
    def test_is_refused_to_the_requester(self, draft, fiona):
        request = request_approval(version=draft, by=fiona, at=JAN)
        for decide in (approve, decline):
            with pytest.raises(ReviewRefused, match="A second person must decide"):
                decide(request=request, by=fiona, at=JAN)

    def test_is_done_once(self, draft, fiona, andre):
        request = request_approval(version=draft, by=fiona, at=JAN)
        approve(request=request, by=andre, at=JAN)
        with pytest.raises(ReviewRefused, match="is already approved"):
            decline(request=request, by=andre, at=JAN)

    def test_a_declined_version_is_a_draft_that_can_be_submitted_again(self, draft, fiona, andre):
        decline(request=request_approval(version=draft, by=fiona, at=JAN), by=andre, at=JAN, decision="Too dear")
        assert state_of(draft) == "draft"
        request_approval(version=draft, by=fiona, at=JAN)
        assert list(ChangeRequest.objects.order_by("pk").values_list("state", flat=True)) == ["declined", "waiting"]

    def test_needs_the_content_that_was_submitted(self, draft, fiona, andre):
        request = request_approval(version=draft, by=fiona, at=JAN)
        with past_triggers(), connection.cursor() as cursor:
            cursor.execute("UPDATE plans_fee SET amount = amount + 1")
        with pytest.raises(ReviewRefused, match="has changed since the request"):
            approve(request=request, by=andre, at=JAN)


class TestWithoutTheRule:
    def test_one_person_publishes_alone(self, draft):
        assert publish(draft).state == "live"

    def test_a_version_in_review_can_be_published(self, draft, fiona):
        request_approval(version=draft, by=fiona, at=JAN)
        assert publish(draft).state == "live"

    def test_only_a_complete_draft_can_be_submitted(self, draft, fiona):
        with pytest.raises(ReviewRefused, match="The version has no fees or features"):
            request_approval(version=make_plan("empty"), by=fiona, at=JAN)
        request_approval(version=draft, by=fiona, at=JAN)
        with pytest.raises(ReviewRefused, match="Approval can only be requested for a draft"):
            request_approval(version=draft, by=fiona, at=JAN)

    def test_only_a_version_in_review_is_withdrawn(self, draft, fiona):
        with pytest.raises(ReviewRefused, match="is draft, not in review"):
            withdraw_request(version=draft, by=fiona, at=JAN)
