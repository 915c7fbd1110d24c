"""The page of a version, its publication and its approval show an overage without alerts."""

import pytest

from access.models import ApprovalRequest, ApprovalRule
from billing.models import AlertRule
from plans.models import PlanVersion
from plans.publishing.publication import new_version
from tests.builders import JAN, make_plan, offer, publish, rate
from tests.deferred_checks import check_deferred

pytestmark = pytest.mark.django_db

FINDING = "no alert rule covers its overage"


@pytest.fixture
def draft():
    AlertRule.objects.filter(kind="allowance").update(is_on=False)
    offers = [offer("calls", included=100, rates=[rate("0.01")])]
    return new_version(source=publish(make_plan("pro", offers=offers)), by=None, at=JAN)


def test_the_page_of_a_version_and_its_publication_show_it(member, draft):
    page = f"/admin/plans/planversion/{draft.pk}"
    client = member("finance")
    assert FINDING in client.get(f"{page}/change/").content.decode()
    publishing = client.get(f"{page}/publish_now/").content.decode()
    assert FINDING in publishing
    assert "I have read the warnings" in publishing
    client.post(f"{page}/publish_now/", {"audience": "new"})
    assert PlanVersion.objects.get(pk=draft.pk).state == "draft", "the warning is not confirmed yet"


def test_a_request_for_approval_keeps_it(member, draft):
    check_deferred()
    ApprovalRule.objects.filter(kind="price_changes").update(is_required=True)
    form = {"audience": "new", "acknowledged": "on"}
    member("finance").post(f"/admin/plans/planversion/{draft.pk}/publish_now/", form)
    assert any(FINDING in value for _label, value in ApprovalRequest.objects.get().facts)
