"""Versions follow one another without gap or overlap, however they are published, scheduled and withdrawn."""

from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from plans.models import PlanVersion
from plans.publishing import publication
from plans.publishing.publication import PublishingRefused, new_draft, new_version, publish_due, unschedule
from tests.builders import APR, FEB, JAN, MAR, fee, make_plan, publish
from tests.races import together

SECOND = timedelta(seconds=1)


def make_draft() -> PlanVersion:
    return make_plan("starter", fees=[fee("5")])


def life() -> list[tuple[int, str, datetime | None, datetime | None]]:
    versions = PlanVersion.objects.order_by("number")
    return list(versions.values_list("number", "state", "effective_from", "effective_to"))


@pytest.mark.django_db
class TestOfOnePlan:
    def test_now_ends_the_version_before_it(self):
        publish(make_draft(), at=JAN)
        publish(make_draft(), at=FEB)
        assert life() == [(1, "retired", JAN, FEB), (2, "live", FEB, None)]

    def test_at_a_date_it_is_scheduled(self):
        publish(make_draft(), at=JAN)
        publish(make_draft(), at=JAN, effective_from=MAR)
        assert life() == [(1, "live", JAN, MAR), (2, "scheduled", MAR, None)]

    def test_before_a_scheduled_version_it_ends_at_its_start(self):
        publish(make_draft(), at=JAN)
        publish(make_draft(), at=JAN, effective_from=MAR)
        publish(make_draft(), at=JAN, effective_from=FEB)
        assert life() == [(1, "live", JAN, FEB), (2, "scheduled", MAR, None), (3, "scheduled", FEB, MAR)]

    def test_of_two_versions_at_one_time_the_later_is_in_force(self):
        publish(make_draft(), at=JAN)
        publish(make_draft(), at=JAN)
        assert life() == [(1, "retired", JAN, JAN), (2, "live", JAN, None)]
        assert PlanVersion.objects.in_force(JAN).get().number == 2

    def test_withdrawn_it_is_a_draft_and_the_previous_version_continues(self):
        publish(make_draft(), at=JAN)
        scheduled = publish(make_draft(), at=JAN, effective_from=MAR)
        publish(make_draft(), at=JAN, effective_from=APR)
        unschedule(version=scheduled, by=None, at=FEB)
        assert life() == [(1, "live", JAN, APR), (2, "draft", None, None), (3, "scheduled", APR, None)]

    def test_time_activates_it_and_retires_the_previous_version_once(self):
        publish(make_draft(), at=JAN)
        publish(make_draft(), at=JAN, effective_from=MAR)
        assert publish_due(at=MAR - SECOND) == 0
        assert publish_due(at=MAR) == 2
        assert publish_due(at=MAR) == 0
        assert [state for _, state, *_ in life()] == ["retired", "live"]

    def test_a_late_run_applies_all_publications_that_are_due(self):
        for moment in (JAN, FEB, MAR):
            publish(make_draft(), at=JAN, effective_from=moment)
        publish_due(at=APR)
        assert [state for _, state, *_ in life()] == ["retired", "retired", "live"]

    def test_other_plans_are_unaffected(self):
        publish(make_draft(), at=JAN)
        publish(make_plan("other", fees=[fee("5")]), at=FEB)
        assert PlanVersion.objects.filter(state="live").count() == 2

    def test_the_publisher_is_recorded(self):
        user = get_user_model().objects.create_user("finance")
        version = publication.publish(version=make_draft(), by=user, at=JAN)
        assert (version.published_by, version.published_at) == (user, JAN)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.metadata ->> 'action', c.metadata ->> 'user' FROM plans_planversionevent e"
                " JOIN pghistory_context c ON c.id = e.pgh_context_id WHERE e.state = 'live'"
            )
            assert cursor.fetchall() == [("publish", str(user.pk))]


@pytest.mark.django_db
class TestRefusals:
    def test_of_a_version_that_is_published(self):
        version = publish(make_draft(), at=JAN)
        with pytest.raises(PublishingRefused, match="is already active"):
            publish(version, at=FEB)

    def test_of_a_past_date(self):
        with pytest.raises(PublishingRefused, match="2026-01-01 00:00 UTC is in the past"):
            publish(make_draft(), at=FEB, effective_from=JAN)

    def test_of_a_date_with_another_version(self):
        publish(make_draft(), at=JAN, effective_from=MAR)
        with pytest.raises(PublishingRefused, match="v1 is scheduled for the same time"):
            publish(make_draft(), at=JAN, effective_from=MAR)

    def test_to_withdraw_a_version_in_force(self):
        scheduled = publish(make_draft(), at=JAN, effective_from=FEB)
        with pytest.raises(PublishingRefused, match="Only a version that is not in force yet"):
            unschedule(version=scheduled, by=None, at=FEB)
        with pytest.raises(PublishingRefused, match="is draft"):
            unschedule(version=make_draft(), by=None, at=FEB)


@pytest.mark.django_db(transaction=True)
def test_concurrent_drafts_get_different_numbers():
    source = publish(make_draft(), at=JAN)
    copy = lambda: new_version(source=source, by=None, at=FEB).number  # noqa: E731
    draft = lambda: new_draft(plan=source.plan, by=None, at=FEB).number  # noqa: E731
    assert sorted(together(copy, draft, copy, draft, copy, draft)) == [2, 3, 4, 5, 6, 7]


@pytest.mark.django_db(transaction=True)
def test_concurrently_published_versions_follow_one_another():
    drafts = [make_draft() for _ in range(4)]
    together(*[lambda version=version: publish(version, at=JAN) for version in drafts])
    assert PlanVersion.objects.in_force(JAN).count() == 1
    assert PlanVersion.objects.filter(state="live").count() == 1
