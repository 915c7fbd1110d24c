"""A correction in a closed period is late usage: the period is marked, and billed by the seller's policy."""

from datetime import timedelta

import pytest

from billing.closing import close_due
from billing.models import BilledUsage
from invoices.models import Line
from tests.billing.metering.corrections.correction_setup import (
    late,
    make_fully_metered_subscription,
    replace,
    sample,
    void,
)
from tests.billing.metering.ingest.ingest_setup import call, counted, make_metered_subscription, send
from tests.builders import FEB, MAR
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

SOON = timedelta(hours=1)


def in_january(id_):
    return call(id_, timestamp="2026-01-10T00:00:00Z")


@pytest.fixture
def january():
    """Return a closed January with three calls."""
    subscription = make_metered_subscription()
    send(*map(in_january, "abc"), at=FEB)
    close_due(at=FEB + SOON)
    return subscription


def test_a_void_marks_its_period(january):
    void("a", at=FEB + 2 * SOON)
    assert late(january) == ["01"]
    assert counted()["calls/call/01"] == (2, 2)


def test_billed_usage_keeps_its_snapshot(january):
    void("a", at=FEB + 2 * SOON)
    assert [(billed_usage.events, billed_usage.quantity) for billed_usage in BilledUsage.objects.all()] == [(3, 3)]


def test_more_usage_and_less_are_billed_as_one_difference(january):
    void("a", at=FEB + 2 * SOON)
    send(*map(in_january, "defg"), at=FEB + 2 * SOON)
    close_due(at=MAR + SOON)
    line = Line.objects.get(kind="late_usage")
    assert (line.quantity, str(line.amount)) == (3, "$0.03")
    assert late(january) == []


def test_voided_late_usage_leaves_nothing_to_bill(january):
    send(in_january("d"), at=FEB + 2 * SOON)
    void("d", at=FEB + 2 * SOON)
    close_due(at=MAR + SOON)
    assert not Line.objects.filter(kind="late_usage").exists()


def test_a_replacement_in_another_period_marks_the_closed_one_alone(january):
    replace("a", call("new", timestamp="2026-02-03T00:00:00Z"), at=FEB + timedelta(days=3))
    assert late(january) == ["01"]
    assert counted() == {"calls/call/01": (2, 2), "calls/call/02": (1, 1)}


def test_later_closed_periods_of_a_level_are_late_as_well():
    subscription = make_fully_metered_subscription()
    send(sample("a", "2026-01-10T00:00:00Z", 5), sample("b", "2026-02-10T00:00:00Z", 1))
    close_due(at=MAR + SOON)
    void("a")
    assert late(subscription) == ["01", "02"]
