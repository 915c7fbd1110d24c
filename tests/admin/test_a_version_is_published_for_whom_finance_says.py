"""The publish page asks for whom, does it, and shows who moves when; whoever shall not is let stay."""

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


def moving():
    changes = ScheduledChange.objects.filter(state="pending").order_by("subscription__external_id")
    return list(changes.values_list("subscription__external_id", flat=True))


@pytest.mark.parametrize(("audience", "moves"), [("new", []), ("all", ["one", "two"])])
def test_for_new_subscriptions_only_or_for_all(member, version, audience, moves):
    member("finance").post(publish_page(version), {"audience": audience})
    version.refresh_from_db()
    assert (version.state, version.audience) == ("live", audience)
    run_rollouts()
    assert moving() == moves


@pytest.mark.parametrize("typed", ["two", "two, two;two", "two\n\ntwo\n"])
def test_for_a_cohort_of_pasted_ids(member, version, typed):
    member("finance").post(publish_page(version), {"audience": "cohort", "cohort": typed})
    assert moving() == ["two"]


@pytest.mark.parametrize(("moves", "splits"), [("period", False), ("moment", True), ("", False)])
def test_at_the_moment_or_at_their_next_period(member, version, moves, splits):
    member("finance").post(publish_page(version), {"audience": "cohort", "cohort": "two", "moves": moves})
    assert ScheduledChange.objects.get().splits_period is splits


def test_the_date_is_read_by_the_clocks_of_the_seller(member, version):
    """Midnight in Berlin, the first of July: 22:00 UTC the day before."""
    year = timezone.now().year + 1
    Seller.objects.update(time_zone="Europe/Berlin")
    page = member("finance").get(publish_page(version, "publish_at"))
    assert '<option value="Europe/Berlin" selected>' in page.content.decode()
    typed = {"effective_from_0": f"{year}-07-01", "effective_from_1": "00:00:00", "zone": "Europe/Berlin"}
    member("finance").post(publish_page(version, "publish_at"), {"audience": "new", **typed})
    version.refresh_from_db()
    assert version.effective_from == datetime(year, 6, 30, 22, tzinfo=UTC)


COHORTS = [
    ("nobody two", "There is no subscription nobody."),
    ("a b c d e f g", "There is no subscription a, b, c, d, e and 2 more."),
    (" ", "Enter the ids of the subscriptions that move."),
]


@pytest.mark.parametrize(("typed", "told"), COHORTS)
def test_a_cohort_that_is_not_there_is_told_and_nothing_is_published(member, version, typed, told):
    answer = member("finance").post(publish_page(version), {"audience": "cohort", "cohort": typed})
    version.refresh_from_db()
    assert told in text(answer)
    assert version.state == "draft"


def test_ids_of_the_sandbox_are_not_taken_for_live_ones(member, version):
    subscribe(make_customer(sandbox=True), version.plan.versions.get(number=1), external_id="test")
    answer = member("finance").post(publish_page(version), {"audience": "cohort", "cohort": "test"})
    assert "There is no subscription test." in text(answer)


def test_the_page_tells_how_much_changes(member, version):
    assert "1 difference from Pro v1: see what changes" in text(member("finance").get(publish_page(version)))


class TestWhoMoves:
    @pytest.fixture
    def scheduled(self, version):
        now = timezone.now()
        publish_for(version=version, audience="all", by=None, at=now, effective_from=now + timedelta(days=40))
        roll_out(at=now)
        return version

    def test_is_told_on_the_version_and_on_the_subscription(self, member, scheduled, subscriptions):
        client = member("finance")
        assert "Moves 2 to come" in text(client.get(f"/admin/plans/planversion/{scheduled.pk}/change/"))
        page = text(client.get(f"/admin/billing/subscription/{subscriptions[0].pk}/change/"))
        assert re.search(r"Moves on .* UTC to Pro v2", page)

    def test_is_let_stay_after_a_question(self, member, scheduled):
        client, one = member("operations"), ScheduledChange.objects.first()
        arguments = {"action": "revoke_selected", "_selected_action": [one.pk]}
        assert "1 of the selected subscriptions have a move to come" in text(
            client.post("/admin/billing/scheduledchange/", arguments)
        )
        assert len(moving()) == 2
        client.post("/admin/billing/scheduledchange/", arguments | {"confirmed": "yes"})
        assert len(moving()) == 1

    def test_is_not_for_support_to_say(self, member, scheduled):
        arguments = {
            "action": "revoke_selected",
            "_selected_action": [ScheduledChange.objects.first().pk],
            "confirmed": "yes",
        }
        member("support").post("/admin/billing/scheduledchange/", arguments)
        assert len(moving()) == 2

    def test_nobody_does_when_the_version_is_withdrawn(self, member, scheduled):
        member("finance").post(publish_page(scheduled, "withdraw"))
        scheduled.refresh_from_db()
        assert (scheduled.state, moving()) == ("draft", [])
