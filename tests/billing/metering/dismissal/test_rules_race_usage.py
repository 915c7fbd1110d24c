"""A rule that is added while usage is stored matches that usage as well."""

import pytest
from django.contrib.auth.models import User

from billing.metering.dismissal import add_ignore_rule, ignore_rules, remove_ignore_rule
from billing.metering.ingest import event_recorder, reprocess
from billing.models import UnmatchedUsage
from tests.billing.metering.ingest.ingest_setup import call, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import make_customer
from tests.clean_books import clean_after_test
from tests.races import Pause, start, wait_until_blocked

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def olga():
    return User.objects.create(username="olga")


def add_rule(olga):
    return add_ignore_rule(event_name="api.call", reason="test", at=NOW, by=olga)


def test_a_rule_waits_for_usage_in_progress_and_ignores_it(monkeypatch, olga):
    pause = Pause.before(monkeypatch, event_recorder, "_count_events")
    ingest = start(lambda: send(call("a")))
    pause.await_arrival()
    rule = start(lambda: add_rule(olga))
    wait_until_blocked()
    pause.release()
    ingest.result()
    added = rule.result()
    assert UnmatchedUsage.objects.get().ignore_rule == added


def test_usage_waits_for_a_rule_in_progress_and_is_ignored(monkeypatch, olga):
    pause = Pause.before(monkeypatch, ignore_rules.unmatched_usage, "apply_new_rule")
    rule = start(lambda: add_rule(olga))
    pause.await_arrival()
    ingest = start(lambda: send(call("a")))
    wait_until_blocked()
    pause.release()
    ingest.result()
    added = rule.result()
    assert UnmatchedUsage.objects.get().ignore_rule == added


def test_a_reprocess_and_a_change_of_rules_do_not_deadlock(monkeypatch, olga):
    rule = add_rule(olga)
    send(call("a"))
    make_customer("acme")
    pause = Pause.before(monkeypatch, reprocess.unmatched_usage, "update_reasons")
    again = start(lambda: reprocess.reprocess(at=NOW))
    pause.await_arrival()
    removal = start(lambda: remove_ignore_rule(rule=rule, at=NOW, by=olga))
    wait_until_blocked()
    pause.release()
    again.result()
    assert removal.result() == 1
    assert UnmatchedUsage.objects.outstanding().count() == 1
