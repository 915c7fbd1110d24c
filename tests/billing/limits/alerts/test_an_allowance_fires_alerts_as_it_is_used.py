"""Alerts at 50, 75, 90 and 100% of an allowance fire once each, and recover once."""

from datetime import timedelta

import pytest

from tests.billing.limits.alerts.alert_setup import MINUTE, NOW, alerts, announced_facts, evaluate, messages, use
from tests.billing.metering.corrections.correction_setup import void
from tests.billing.metering.ingest.ingest_setup import send
from tests.builders import FEB, add_override
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "access")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def acme():
    return messages(500)


@pytest.mark.usefixtures("acme")
def test_no_alert_fires_below_the_first_threshold():
    use("message", 249)
    evaluate()
    assert alerts() == []


@pytest.mark.usefixtures("acme")
def test_each_threshold_fires_once():
    for more in (250, 125, 75, 50, 10):
        use("message", more)
        evaluate()
        evaluate()
    assert alerts() == [("allowance", level, "open") for level in (50, 75, 90, 100)]
    assert [(facts["threshold"], facts["value"]) for facts in announced_facts()] == [
        (50, "250"),
        (75, "375"),
        (90, "450"),
        (100, "500"),
    ]


@pytest.mark.usefixtures("acme")
def test_several_thresholds_reached_at_once_are_announced_by_the_highest():
    use("message", 475)
    evaluate()
    assert alerts() == [("allowance", level, "open") for level in (50, 75, 90)]
    [facts] = announced_facts()
    assert (facts["threshold"], facts["thresholds"]) == (90, "50,75,90")


def test_the_announcement_has_every_fact_of_the_alert(acme):
    use("message", 250)
    evaluate()
    [facts] = announced_facts()
    del facts["alert"], facts["alerts"], facts["alert_rule"]
    assert facts == {
        "event": "alert.fired",
        "set_by": "finance",
        "kind": "allowance",
        "customer": "acme",
        "subscription": acme.external_id,
        "feature": "messages",
        "dimension": None,
        "dimension_value": None,
        "wallet": None,
        "wallet_name": None,
        "threshold": 50,
        "thresholds": "50",
        "value": "250",
        "limit": "500",
        "unit": "message",
        "period_start": "2026-01-01T00:00:00+00:00",
        "period_end": "2026-02-01T00:00:00+00:00",
        "remedy": "upgrade",
    }


@pytest.mark.usefixtures("acme")
def test_a_correction_below_it_recovers_once_and_does_not_flap():
    ids = use("message", 400)
    evaluate()
    assert set(void(*ids[:100], at=NOW + MINUTE)) == {"accepted"}
    evaluate(NOW + 2 * MINUTE)
    evaluate(NOW + 3 * MINUTE)
    assert alerts() == [("allowance", 50, "open"), ("allowance", 75, "recovered")]
    assert [(facts["threshold"], facts["value"]) for facts in announced_facts("alert.recovered")] == [(75, "300")]
    use("message", 100)
    evaluate(NOW + 4 * MINUTE)
    assert alerts() == [("allowance", 50, "open"), ("allowance", 75, "recovered")]


def test_an_alert_fires_again_after_the_allowance_is_raised(acme):
    use("message", 250)
    evaluate()
    add_override(acme, "messages", "included", 1000, at=NOW, starts_at=acme.starts_at)
    evaluate(NOW + 2 * MINUTE)
    assert alerts() == [("allowance", 50, "recovered")]
    assert [(facts["limit"], facts["value"]) for facts in announced_facts("alert.recovered")] == [("1000", "250")]
    use("message", 250)
    evaluate(NOW + 3 * MINUTE)
    assert alerts() == [("allowance", 50, "recovered"), ("allowance", 50, "open")]


@pytest.mark.usefixtures("acme")
def test_an_alert_fires_again_in_the_next_period():
    use("message", 300)
    evaluate()
    use("message", 300, at=FEB + timedelta(hours=1))
    evaluate(FEB + timedelta(hours=2))
    assert alerts() == [("allowance", 50, "open")] * 2
    assert len(announced_facts("alert.recovered")) == 0


def test_sandbox_customers_are_evaluated_like_live_ones():
    messages(100, ref="test", sandbox=True)
    sent = [{"id": str(n), "customer": "test", "event": "message", "timestamp": NOW.isoformat()} for n in range(60)]
    send(*sent, at=NOW, sandbox=True)
    evaluate()
    assert alerts() == [("allowance", 50, "open")]
