"""Operations dismiss unmatched usage with a reason, undo that, and add and remove ignore rules."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Dismissal, IgnoreRule, UnmatchedUsage
from tests.billing.metering.ingest.ingest_setup import call, send
from tests.builders import make_meter

pytestmark = pytest.mark.django_db

LIST = "/admin/billing/unmatchedusage/"
RULES = "/admin/billing/ignorerule/"


@pytest.fixture
def reports() -> list[UnmatchedUsage]:
    send(call("a", customer="nobody"), call("b", customer="stranger"))
    return list(UnmatchedUsage.objects.order_by("customer_ref"))


def page_of(client, **query):
    return client.get(LIST, query).content.decode()


def chosen(action, *reports, **more):
    return {"action": action, "_selected_action": [report.pk for report in reports], **more}


def test_a_selection_is_dismissed_with_its_reason_and_counted_again_later(member, reports):
    client = member("operations")
    asked = client.post(LIST, chosen("dismiss", reports[0])).content.decode()
    assert "1 report no longer counts as unmatched usage" in asked
    refused = client.post(LIST, chosen("dismiss", reports[0], _agreed="1")).content.decode()
    assert "Enter the reason" in refused
    assert not Dismissal.objects.exists()

    client.post(LIST, chosen("dismiss", reports[0], _agreed="1", _reason="load test"))
    assert "nobody</td>" not in page_of(client)
    shown = page_of(client, status="dismissed")
    assert "Dismissed by" in shown
    assert ": load test" in shown

    asked = client.post(f"{LIST}?status=dismissed", chosen("undo_dismissal", *reports)).content.decode()
    assert "1 report counts as unmatched usage again." in asked
    client.post(f"{LIST}?status=dismissed", chosen("undo_dismissal", *reports, _agreed="1"))
    assert UnmatchedUsage.objects.outstanding().count() == 2


def test_a_rule_is_added_and_removed(member, reports):
    client = member("operations")
    client.post(f"{RULES}add/", {"customer_ref": "nobody", "reason": "test system"})
    rule = IgnoreRule.objects.get()
    assert (rule.customer_ref, rule.reason) == ("nobody", "test system")
    assert rule.by.username.startswith("operations")
    assert "Ignored by the rule “nobody”: test system" in page_of(client, status="dismissed")
    assert "nobody" in client.get(RULES).content.decode()

    remove = f"{RULES}{rule.pk}/remove/"
    assert "1 open report counts as unmatched usage again" in client.get(remove).content.decode()
    client.post(remove)
    assert UnmatchedUsage.objects.outstanding().count() == 2
    rule.refresh_from_db()
    assert rule.removed_by == rule.by
    assert client.get(f"{RULES}{rule.pk}/change/").status_code == 302, "a removed rule is not listed any more"


REFUSED = [
    ({"reason": "everything"}, "A rule without any would ignore all usage."),
    ({"customer_ref": "nobody"}, "This field is required."),
    ({"customer_ref": "nobody", "reason": "again"}, "A rule with these conditions exists already."),
]


@pytest.mark.parametrize(("typed", "message"), REFUSED)
def test_an_invalid_rule_is_refused(member, typed, message):
    client = member("operations")
    client.post(f"{RULES}add/", {"customer_ref": "nobody", "reason": "test system"})
    assert message in client.post(f"{RULES}add/", typed).content.decode()
    assert IgnoreRule.objects.count() == 1


def test_usage_of_one_meter_is_ignored(member):
    meter = make_meter("calls", event_name="api.call", aggregation="sum", value_property="n")
    client = member("operations")
    client.post(f"{RULES}add/", {"meter": meter.pk, "unmatched_reason": "bad_value", "reason": "old clients"})
    assert str(IgnoreRule.objects.get()) == "calls, metered property missing or not a number"


def test_support_dismisses_nothing_and_adds_no_rule(member, reports):
    client = member("support")
    client.post(LIST, chosen("dismiss", reports[0], _agreed="1", _reason="load test"))
    assert client.post(f"{RULES}add/", {"customer_ref": "nobody", "reason": "x"}).status_code == 403
    assert not Dismissal.objects.exists()
    assert not IgnoreRule.objects.exists()


@pytest.mark.parametrize("status", ["", "not_sold", "dismissed", "all"])
def test_the_list_takes_the_same_queries_for_any_number_of_reports(member, status):
    client = member("operations")
    client.post(f"{RULES}add/", {"event_name": "old", "reason": "retired"})

    def queries():
        with CaptureQueriesContext(connection) as captured:
            page_of(client, status=status)
        return len(captured)

    send(call("a", customer="nobody"), call("b", customer="nobody") | {"event": "old"})
    queries()
    few = queries()
    send(*(call(f"n{n}", customer="nobody") for n in range(20)))
    send(*(call(f"o{n}", customer="nobody") | {"event": "old"} for n in range(20)))
    assert queries() <= few
