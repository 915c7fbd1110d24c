"""The plan check reports an overage that no alert rule for everyone covers."""

from decimal import Decimal

import pytest

from billing.limits.alerts.overage_check import check_overage_alerts
from billing.models import AlertRule
from plans.publishing.publication import new_version
from tests.builders import JAN, make_customer, make_feature, make_meter, make_plan, offer, publish, rate
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db

FINDING = "no alert rule covers its overage"


def draft_of(included=100, aggregation="sum", **fields):
    meter = make_meter("calls", aggregation=aggregation, value_property="n")
    terms = offer(make_feature("calls", meter=meter), included=included, rates=[rate("0.01")], **fields)
    return new_version(source=publish(make_plan("pro", offers=[terms])), by=None, at=JAN)


def replace_rules(text):
    """Replace the rules for everyone by the documented ones."""
    AlertRule.objects.all().delete()
    for described in text.split(", "):
        kind, *more = described.split(" ")
        feature = make_feature("calls") if "feature" in more else None
        AlertRule.objects.create(kind=kind, levels=[100], feature=feature, is_on="off" not in more)


@pytest.mark.parametrize("row", rows("publishing.md", "overage-without-alerts"), ids=str)
def test_an_overage_is_covered_as_documented(row):
    draft = draft_of(Decimal(row["included"]), row["meter"])
    replace_rules(row["rules for everyone"])
    assert (not check_overage_alerts(draft)) == (row["covered"] == "yes")


def test_default_rules_cover_an_overage():
    assert check_overage_alerts(draft_of()) == []


def test_rules_of_single_customers_and_sellers_cover_no_one_else():
    draft, customer = draft_of(), make_customer()
    AlertRule.objects.all().delete()
    AlertRule.objects.create(kind="allowance", levels=[100], customer=customer)
    AlertRule.objects.create(kind="allowance", levels=[100], seller=customer.seller)
    assert FINDING in check_overage_alerts(draft)[0]


def test_a_hard_cap_needs_no_alert():
    draft = draft_of(consumption="hard_cap")
    AlertRule.objects.all().delete()
    assert check_overage_alerts(draft) == []
