"""Where the rule requires it, a version is published only by a second person's approval: the database enforces it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.approvals import ApprovalRefused, Requester, approve, expire_due, perform, reject, withdraw
from access.approvals.emails import mail_due_requests
from access.models import ApprovalRequest, ApprovalRule
from billing.models import Rollout
from billing.subscriptions.plan_changes.acts import PublishVersion
from plans.models import Plan, PlanVersion
from plans.publishing.publication import PublishingRefused, new_version, unschedule
from tests.builders import JAN, fee, make_plan, offer, publish, rate
from tests.db_refusals import refused_by
from tests.owner_rights import past_triggers
from tests.races import together

pytestmark = pytest.mark.django_db

# ruff: noqa: S608

DAY = timedelta(days=1)


@pytest.fixture
def draft(db, require) -> PlanVersion:
    """Return a draft that is dearer than the version in force, where prices need approval."""
    former = publish(make_plan("pro", fees=[fee("10")], offers=[offer("calls", rates=[rate("0.10")])]))
    version = new_version(source=former, by=None, at=JAN)
    version.fees.update(amount=16)
    require("price_changes")
    return version


def act(version: PlanVersion, **fields) -> PublishVersion:
    return PublishVersion(version_id=version.pk, **{"audience": "new", **fields})


def ask(user, version: PlanVersion, **fields) -> ApprovalRequest:
    return perform(act(version, **fields), by=Requester(user=user), at=timezone.now())


def decide(verdict, request: ApprovalRequest, by) -> ApprovalRequest:
    return verdict(request_id=request.pk, by=by, at=timezone.now())


def state_of(version: PlanVersion) -> str:
    return PlanVersion.objects.get(pk=version.pk).state


def test_without_the_rule_one_person_publishes_alone(draft, fiona, require):
    ApprovalRule.objects.filter(kind="price_changes").update(is_required=False)
    assert ask(fiona, draft).state == "live"


def test_a_request_holds_the_version_and_shows_what_changes(draft, fiona):
    request = ask(fiona, draft, acknowledged=["It is dear."])
    assert (request.state, request.title, state_of(draft)) == ("waiting", "Publish Pro v2", "review")
    facts = [f"{label}: {value}" for label, value in request.facts]
    assert "Takes effect: when it is approved" in facts
    assert "Change from Pro v1: Base fee: amount: $10.00 → $16.00 (+60%)" in facts
    assert "Plan check: It is dear." in facts


def test_the_approvers_email_begins_with_the_differences(draft, fiona, paula, settings, mailoutbox):
    settings.PUBLIC_URL = "https://billing.example"
    request = ask(fiona, draft)
    mail_due_requests(at=timezone.now())
    (message,) = mailoutbox
    assert message.to == [paula.email]
    answer, table, facts, link, *_ = message.body.split("\n\n")
    assert answer == "fiona asks for your approval: Publish Pro v2."
    assert table.splitlines() == [
        "Change from Pro v1 | Before | After | Change",
        "Base fee: amount | $10.00 | $16.00 | +60%",
    ]
    assert "Takes effect: when it is approved" in facts
    assert "Change from" not in facts
    assert f"https://billing.example/admin/access/approvalrequest/{request.pk}/change/" in link


def test_approval_publishes_at_that_time(draft, fiona, paula):
    request = decide(approve, ask(fiona, draft, audience="all", splits_periods=True), paula)
    published = PlanVersion.objects.get(pk=draft.pk)
    assert (request.state, published.state, published.published_by) == ("approved", "live", fiona)
    assert published.published_at == published.effective_from == request.decided_at
    assert Rollout.objects.get().splits_periods


def test_approval_schedules_for_the_requested_date(draft, fiona, paula):
    starts_at = timezone.now() + 3 * DAY
    request = decide(approve, ask(fiona, draft, effective_from=starts_at), paula)
    assert (request.outcome_id, state_of(draft)) == (draft.pk, "scheduled")
    assert PlanVersion.objects.get(pk=draft.pk).effective_from == starts_at
    assert refused_by("UPDATE plans_planversion SET state = 'live' WHERE state = 'scheduled'") == "nothing"


def test_a_date_that_passes_before_the_approval_is_refused(draft, fiona, paula):
    request = ask(fiona, draft, effective_from=timezone.now() + DAY)
    with pytest.raises(ApprovalRefused, match="is in the past"):
        approve(request_id=request.pk, by=paula, at=timezone.now() + 2 * DAY)
    assert state_of(draft) == "review"


def test_the_requester_does_not_approve(draft, fiona, staff):
    fiona.groups.set(staff("grace", "finance approver").groups.all() | fiona.groups.all())
    with pytest.raises(ApprovalRefused, match="A second person must decide"):
        decide(approve, ask(fiona, draft), fiona)


@pytest.mark.parametrize("end", ["rejected", "withdrawn", "expired"])
def test_a_version_whose_request_ends_is_a_draft_that_can_be_requested_again(draft, fiona, paula, end):
    request = ask(fiona, draft)
    if end == "rejected":
        decide(reject, request, paula)
    elif end == "withdrawn":
        withdraw(request_id=request.pk, by=Requester(user=fiona), at=timezone.now())
    else:
        assert expire_due(at=timezone.now() + 8 * DAY) == 1
    request.refresh_from_db()
    assert (request.state, state_of(draft)) == (end, "draft")
    assert ask(fiona, draft).state == "waiting"


def test_a_request_lapses_if_another_version_was_published_since(draft, fiona, paula):
    request = ask(fiona, draft)
    with past_triggers():
        publish(new_version(source=PlanVersion.objects.get(number=1), by=None, at=JAN), at=timezone.now())
    lapsed = decide(approve, request, paula)
    assert (lapsed.state, state_of(draft)) == ("lapsed", "draft")
    assert lapsed.decision == "Version in force has changed. Then: Pro v1; now: Pro v3."


def test_a_request_lapses_if_the_content_was_changed_by_another_way(draft, fiona, paula):
    request = ask(fiona, draft)
    with past_triggers():
        draft.fees.update(amount=17)
    assert decide(approve, request, paula).state == "lapsed"


def test_a_version_in_review_is_not_requested_twice(draft, fiona):
    ask(fiona, draft)
    with pytest.raises(PublishingRefused, match="is in review already"):
        ask(fiona, draft, audience="all")
    assert ApprovalRequest.objects.count() == 1


def test_an_incomplete_draft_is_refused_at_once(draft, fiona):
    empty = make_plan("empty")
    with pytest.raises(PublishingRefused, match="The version has no fees or features"):
        ask(fiona, empty)
    assert not ApprovalRequest.objects.exists()
    assert state_of(empty) == "draft"


def test_a_withdrawn_publication_needs_a_new_approval(draft, fiona, paula):
    decide(approve, ask(fiona, draft, effective_from=timezone.now() + DAY), paula)
    unschedule(version=draft, by=fiona, at=timezone.now())
    assert ask(fiona, draft).state == "waiting"


def goes_live(version: PlanVersion) -> str:
    return refused_by(
        "UPDATE plans_planversion SET state = 'live', effective_from = now(), published_at = now()"
        f" WHERE id = {version.pk}"
    )


@pytest.fixture
def first_draft(require) -> PlanVersion:
    require("price_changes")
    return make_plan("team", fees=[fee("10")])


def test_the_database_refuses_a_publication_that_was_not_approved(first_draft, fiona, paula):
    assert goes_live(first_draft) == "publication_is_approved"
    decide(reject, ask(fiona, first_draft), paula)
    assert goes_live(first_draft) == "publication_is_approved"
    decide(approve, ask(fiona, first_draft, effective_from=timezone.now() + DAY), paula)
    unschedule(version=first_draft, by=fiona, at=timezone.now())
    assert goes_live(first_draft) == "publication_is_approved"


def test_the_database_refuses_a_version_inserted_as_published(first_draft):
    born = (
        "INSERT INTO plans_planversion (plan_id, number, state, interval_unit, interval_count, anchor, proration,"
        " audience, effective_from, note, created_at, published_at, trial_days, trial_usage, tax_code)"
        " SELECT plan_id, 9, 'live', interval_unit, interval_count, anchor, proration, audience, now(), '', now(),"
        " now(), trial_days, trial_usage, tax_code FROM plans_planversion WHERE number = 1"
    )
    assert refused_by(born) == "publication_is_approved"


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_publish_once(draft, fiona, paula, staff):
    peter, request = staff("peter", "finance approver"), ask(fiona, draft)

    def outcome(by):
        try:
            return decide(approve, request, by).state
        except ApprovalRefused as refused:
            return str(refused)

    outcomes = together(lambda: outcome(paula), lambda: outcome(peter))
    assert sorted(outcomes)[1] == "approved"
    assert Plan.objects.get().versions.filter(state="live").count() == 1


@pytest.mark.django_db(transaction=True)
def test_requests_for_two_dates_at_once_leave_one(draft, fiona):
    starts_at = timezone.now() + DAY

    def outcome(**fields):
        try:
            return ask(fiona, draft, **fields).state
        except PublishingRefused:
            return "refused"

    outcomes = together(outcome, lambda: outcome(effective_from=starts_at))
    assert sorted(outcomes) == ["refused", "waiting"]
    assert ApprovalRequest.objects.count() == 1
