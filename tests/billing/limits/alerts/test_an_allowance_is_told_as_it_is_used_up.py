"""50, 75, 90 and 100 % of an allowance are told once each, and what was told is taken back once."""

from datetime import timedelta

import pytest

from tests.billing.limits.alerts.world import MINUTE, NOW, alerts, look, messages, told, use
from tests.billing.metering.corrections.world import void
from tests.billing.metering.ingest.world import send
from tests.builders import FEB, agree

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


@pytest.fixture
def acme():
    return messages(500)


@pytest.mark.usefixtures("acme")
def test_nothing_is_told_before_half_of_it_is_used():
    use("message", 249)
    look()
    assert alerts() == []


@pytest.mark.usefixtures("acme")
def test_each_threshold_is_told_once():
    for more in (250, 125, 75, 50, 10):
        use("message", more)
        look()
        look()
    assert alerts() == [("allowance", level, "open") for level in (50, 75, 90, 100)]
    assert [(one["threshold"], one["value"]) for one in told()] == [
        (50, "250"),
        (75, "375"),
        (90, "450"),
        (100, "500"),
    ]


@pytest.mark.usefixtures("acme")
def test_of_several_at_once_one_message_tells_of_the_highest():
    use("message", 475)
    look()
    assert alerts() == [("allowance", level, "open") for level in (50, 75, 90)]
    [one] = told()
    assert (one["threshold"], one["thresholds"]) == (90, "50,75,90")


def test_a_receiver_is_told_all_it_needs(acme):
    use("message", 250)
    look()
    [one] = told()
    del one["alert"], one["alerts"], one["alert_rule"]
    assert one == {
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
    look()
    assert set(void(*ids[:100], at=NOW + MINUTE)) == {"accepted"}
    look(NOW + 2 * MINUTE)
    look(NOW + 3 * MINUTE)
    assert alerts() == [("allowance", 50, "open"), ("allowance", 75, "recovered")]
    assert [(one["threshold"], one["value"]) for one in told("alert.recovered")] == [(75, "300")]
    use("message", 100)
    look(NOW + 4 * MINUTE)
    assert alerts() == [("allowance", 50, "open"), ("allowance", 75, "recovered")]


def test_an_allowance_that_is_raised_is_told_of_anew(acme):
    use("message", 250)
    look()
    agree(acme, "messages", "included", 1000, at=NOW, starts_at=acme.starts_at)
    look(NOW + 2 * MINUTE)
    assert alerts() == [("allowance", 50, "recovered")]
    assert [(one["limit"], one["value"]) for one in told("alert.recovered")] == [("1000", "250")]
    use("message", 250)
    look(NOW + 3 * MINUTE)
    assert alerts() == [("allowance", 50, "recovered"), ("allowance", 50, "open")]


@pytest.mark.usefixtures("acme")
def test_the_next_period_begins_anew():
    use("message", 300)
    look()
    use("message", 300, at=FEB + timedelta(hours=1))
    look(FEB + timedelta(hours=2))
    assert alerts() == [("allowance", 50, "open")] * 2
    assert len(told("alert.recovered")) == 0


def test_sandbox_customers_are_looked_after_as_live_ones():
    messages(100, ref="test", sandbox=True)
    sent = [{"id": str(n), "customer": "test", "event": "message", "timestamp": NOW.isoformat()} for n in range(60)]
    send(*sent, at=NOW, sandbox=True)
    look()
    assert alerts() == [("allowance", 50, "open")]
