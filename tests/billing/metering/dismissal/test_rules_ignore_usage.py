"""A rule ignores the live unmatched usage that it matches, past and future, until it is removed."""

from itertools import product

import pytest
from django.contrib.auth.models import User

from billing.metering.dismissal import add_ignore_rule, remove_ignore_rule
from billing.metering.ingest.reprocess import reprocess
from billing.models import Counter, Event, IgnoreRule, UnmatchedUsage
from billing.privacy.erasure import erase
from customers.models import Customer
from plans.models import Meter
from tests.billing.metering.ingest.ingest_setup import call, calls, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import make_customer
from tests.clean_books import clean_after_test
from tests.docs_tables import rows

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def olga():
    return User.objects.create(username="olga")


def event_of(number, text):
    name, customer = text.split(" of ")
    return call(f"e{number}", customer=customer) | {"event": name}


def conditions_of(text):
    names = {"customer": "customer_ref", "event": "event_name", "meter": "meter", "reason": "unmatched_reason"}
    conditions = {}
    for condition in text.split(", "):
        kind, value = condition.split(" ")
        conditions[names[kind]] = Meter.objects.get(code=value) if kind == "meter" else value
    return conditions


@pytest.mark.parametrize(
    ("row", "comes_first"),
    list(product(rows("ingest.md", "dismissal"), ("rule", "usage"))),
    ids=str,
)
def test_a_rule_ignores_the_reports_that_are_documented(row, comes_first, olga):
    calls()
    make_customer("acme")
    events = [event_of(number, text) for number, text in enumerate(row["reports"].split(", "))]
    # The documented event names other than the meter's own are names that no meter counts.
    if comes_first == "usage":
        send(*events)
    add_ignore_rule(**conditions_of(row["rule"]), reason="retired", at=NOW, by=olga)
    if comes_first == "rule":
        send(*events)
    assert UnmatchedUsage.objects.outstanding().count() == int(row["counted"])
    assert UnmatchedUsage.objects.dismissed().count() == len(events) - int(row["counted"])
    assert Event.objects.count() == len(events), "the events themselves stay stored"


def test_removing_a_rule_brings_its_usage_back(olga):
    rule = add_ignore_rule(customer_ref="nobody", reason="test system", at=NOW, by=olga)
    send(call("a", customer="nobody"))
    assert remove_ignore_rule(rule=rule, at=NOW, by=olga) == 1
    assert UnmatchedUsage.objects.outstanding().count() == 1
    assert remove_ignore_rule(rule=rule, at=NOW, by=olga) == 0


def test_usage_that_another_rule_matches_stays_ignored(olga):
    send(call("a", customer="nobody"))
    first, second = (
        add_ignore_rule(**conditions, reason="test system", at=NOW, by=olga)
        for conditions in ({"customer_ref": "nobody"}, {"event_name": "api.call"})
    )
    assert UnmatchedUsage.objects.get().ignore_rule == first
    remove_ignore_rule(rule=first, at=NOW, by=olga)
    assert UnmatchedUsage.objects.get().ignore_rule == second


def test_a_report_whose_reason_changes_gets_the_rule_of_its_new_reason(olga):
    rule = add_ignore_rule(unmatched_reason="unknown_event", reason="retired", at=NOW, by=olga)
    make_customer("acme")
    send(call("a") | {"event": "old"}, call("b", customer="later") | {"event": "old"})
    assert UnmatchedUsage.objects.outstanding().count() == 1
    make_customer("later")
    reprocess(at=NOW)
    assert UnmatchedUsage.objects.dismissed().filter(ignore_rule=rule).count() == 2


def test_ignored_usage_is_billed_once_it_has_a_price(olga):
    add_ignore_rule(event_name="api.call", reason="test", at=NOW, by=olga)
    send(call("a"))
    make_metered_subscription("acme")
    assert reprocess(at=NOW).resolved == 1
    assert Counter.objects.get().quantity == 1
    assert UnmatchedUsage.objects.get().ignore_rule is None


def test_sandbox_usage_is_not_ignored(olga):
    send(call("a"), sandbox=True)
    add_ignore_rule(event_name="api.call", reason="test", at=NOW, by=olga)
    send(call("b"), sandbox=True)
    assert UnmatchedUsage.objects.outstanding().count() == 2


def test_an_erasure_renames_the_customer_in_rules_and_their_reports(olga):
    make_customer("acme")
    rule = add_ignore_rule(customer_ref="acme", reason="test", at=NOW, by=olga)
    send(call("a") | {"event": "old"})
    customer = Customer.objects.get()
    erase(customer_id=customer.pk, at=NOW, by=olga)
    rule.refresh_from_db()
    report = UnmatchedUsage.objects.get()
    assert rule.customer_ref == report.customer_ref == f"erased-{customer.pk}"
    assert report.ignore_rule == rule
    history = IgnoreRule.pgh_event_model.objects.values_list("customer_ref", flat=True)
    assert set(history) == {rule.customer_ref}


def test_counting_reads_no_ignored_usage(olga, django_assert_num_queries):
    add_ignore_rule(event_name="old", reason="retired", at=NOW, by=olga)
    send(*(call(f"e{number}") | {"event": "old"} for number in range(30)))
    with django_assert_num_queries(1):
        assert UnmatchedUsage.objects.outstanding().count() == 0
    index = next(index for index in UnmatchedUsage._meta.indexes if index.name == "unmatched_outstanding")
    assert "ignore_rule__isnull" in str(index.condition)
