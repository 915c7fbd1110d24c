"""The publish page asks which subscriptions move, schedules them and lists them; a scheduled move can be revoked."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.utils import timezone

from billing.models import ScheduledChange
from billing.subscriptions.plan_changes.rollouts import publish_for, roll_out
from billing.tasks import run_rollouts
from customers.models import Seller
from tests.builders import fee, make_customer, make_plan, publish, subscribe


@pytest.fixture
def subscriptions(db):
    live = publish(make_plan("pro", fees=[fee("10")]))
    return [subscribe(make_customer(f"customer-{name}"), live, external_id=name) for name in ("one", "two")]


@pytest.fixture
def version(subscriptions):
    return make_plan("pro", fees=[fee("12")])


def text(answer):
    assert answer.status_code == 200
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split()))


def publish_page(version, step="publish_now"):
    return f"/admin/plans/planversion/{version.pk}/{step}/"


def scheduled_external_ids():
    changes = ScheduledChange.objects.filter(state="pending").order_by("subscription__external_id")
    return list(changes.values_list("subscription__external_id", flat=True))


@pytest.mark.parametrize(("audience", "moves"), [("new", []), ("all", ["one", "two"])])
def test_for_new_subscriptions_only_or_for_all(member, version, audience, moves):
    member("finance").post(publish_page(version), {"audience": audience})
    version.refresh_from_db()
    assert (version.state, version.audience) == ("live", audience)
    run_rollouts()
    assert scheduled_external_ids() == moves


@pytest.mark.parametrize("typed", ["two", "two, two;two", "two\n\ntwo\n"])
def test_for_a_cohort_of_pasted_ids(member, version, typed):
    member("finance").post(publish_page(version), {"audience": "cohort", "cohort": typed})
    assert scheduled_external_ids() == ["two"]


@pytest.mark.parametrize(("moves", "splits"), [("period", False), ("moment", True), ("", False)])
def test_subscriptions_move_at_publication_or_at_their_next_period(member, version, moves, splits):
    member("finance").post(publish_page(version), {"audience": "cohort", "cohort": "two", "moves": moves})
    assert ScheduledChange.objects.get().splits_period is splits


def test_the_date_is_read_in_the_time_zone_of_the_seller(member, version):
    """Midnight in Berlin on July 1 is 22:00 UTC on June 30."""
    year = timezone.now().year + 1
    Seller.objects.update(time_zone="Europe/Berlin")
    page = member("finance").get(publish_page(version, "publish_at"))
    assert '<option value="Europe/Berlin" selected>' in page.content.decode()
    typed = {"effective_from_0": f"{year}-07-01", "effective_from_1": "00:00:00", "zone": "Europe/Berlin"}
    member("finance").post(publish_page(version, "publish_at"), {"audience": "new", **typed})
    version.refresh_from_db()
    assert version.effective_from == datetime(year, 6, 30, 22, tzinfo=UTC)


COHORTS = [
    ("nobody two", "Unknown subscription: nobody."),
    ("a b c d e f g", "Unknown subscriptions: a, b, c, d, e, and 2 more."),
    (" ", "Enter the IDs of the subscriptions that move."),
]


@pytest.mark.parametrize(("typed", "message"), COHORTS)
def test_an_unknown_cohort_is_reported_and_nothing_is_published(member, version, typed, message):
    answer = member("finance").post(publish_page(version), {"audience": "cohort", "cohort": typed})
    version.refresh_from_db()
    assert message in text(answer)
    assert version.state == "draft"


def test_sandbox_ids_do_not_match_live_subscriptions(member, version):
    subscribe(make_customer(sandbox=True), version.plan.versions.get(number=1), external_id="test")
    answer = member("finance").post(publish_page(version), {"audience": "cohort", "cohort": "test"})
    assert "Unknown subscription: test." in text(answer)


def test_the_page_counts_the_differences(member, version):
    assert "1 change from Pro v1" in text(member("finance").get(publish_page(version)))


class TestScheduledMove:
    @pytest.fixture
    def scheduled(self, version):
        now = timezone.now()
        publish_for(version=version, audience="all", by=None, at=now, effective_from=now + timedelta(days=40))
        roll_out(at=now)
        return version

    def test_is_shown_on_the_version_and_on_the_subscription(self, member, scheduled, subscriptions):
        client = member("finance")
        assert "Scheduled moves 2 upcoming" in text(client.get(f"/admin/plans/planversion/{scheduled.pk}/change/"))
        page = text(client.get(f"/admin/billing/subscription/{subscriptions[0].pk}/change/"))
        assert re.search(r"From .* UTC Pro v2", page)

    def test_is_revoked_after_confirmation(self, member, scheduled):
        client, scheduled_change = member("operations"), ScheduledChange.objects.first()
        arguments = {"action": "revoke_selected", "_selected_action": [scheduled_change.pk]}
        assert "1 scheduled change is revoked" in text(client.post("/admin/billing/scheduledchange/", arguments))
        assert len(scheduled_external_ids()) == 2
        client.post("/admin/billing/scheduledchange/", arguments | {"confirmed": "yes"})
        assert len(scheduled_external_ids()) == 1

    def test_can_not_be_revoked_by_support(self, member, scheduled):
        arguments = {
            "action": "revoke_selected",
            "_selected_action": [ScheduledChange.objects.first().pk],
            "confirmed": "yes",
        }
        member("support").post("/admin/billing/scheduledchange/", arguments)
        assert len(scheduled_external_ids()) == 2

    def test_is_deleted_when_the_version_is_withdrawn(self, member, scheduled):
        member("finance").post(publish_page(scheduled, "withdraw"))
        scheduled.refresh_from_db()
        assert (scheduled.state, scheduled_external_ids()) == ("draft", [])
