"""Dismissed reports of unmatched usage count no more until that is undone, and a reprocess still resolves them."""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User

from billing.metering.dismissal import dismiss, undo_dismissal
from billing.metering.ingest.reprocess import reprocess
from billing.models import Counter, Dismissal, UnmatchedUsage
from billing.revenue.month_end.checklist import read_checklist
from tests.billing.metering.ingest.ingest_setup import call, make_metered_subscription, send
from tests.billing.metering.ingest.request_parser import NOW
from tests.builders import make_seller
from tests.clean_books import clean_after_test

clean_books = clean_after_test("usage")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def olga():
    return User.objects.create(username="olga")


@pytest.fixture
def reports():
    send(call("a"), call("b"))
    return list(UnmatchedUsage.objects.order_by("pk").values_list("pk", flat=True))


def counts():
    reports = UnmatchedUsage.objects
    return reports.outstanding().count(), reports.dismissed().count(), reports.open().count()


def test_a_dismissed_report_counts_no_more_and_stays_open(reports, olga):
    assert dismiss(report_ids=reports[:1], reason="load test", at=NOW, by=olga) == 1
    assert counts() == (1, 1, 2)
    dismissal = Dismissal.objects.get()
    assert (dismissal.report_id, dismissal.reason, dismissal.who, dismissal.dismissed_at) == (
        *(reports[0], "load test", "olga"),
        NOW,
    )


def test_it_leaves_the_checklist_of_the_month(reports, olga):
    def unmatched():
        points = read_checklist(seller=make_seller(), month=date(2026, 11, 1))
        return next(point.count for point in points if point.code == "unmatched_usage")

    assert unmatched() == 2
    dismiss(report_ids=reports, reason="load test", at=NOW, by=olga)
    assert unmatched() == 0


def test_a_dismissal_is_undone_and_kept(reports, olga):
    dismiss(report_ids=reports, reason="load test", at=NOW, by=olga)
    assert undo_dismissal(report_ids=reports[:1], at=LATER, by=olga) == 1
    assert counts() == (1, 1, 2)
    assert Dismissal.objects.get(report=reports[0]).undone_by == olga
    assert dismiss(report_ids=reports, reason="load test after all", at=LATER, by=olga) == 1
    assert Dismissal.objects.filter(report=reports[0]).count() == 2


def test_dismissing_or_undoing_twice_changes_nothing(reports, olga):
    assert [dismiss(report_ids=reports, reason="x", at=NOW, by=olga) for _ in range(2)] == [2, 0]
    assert [undo_dismissal(report_ids=reports, at=NOW, by=olga) for _ in range(2)] == [2, 0]


def test_a_reprocess_resolves_a_dismissed_report(reports, olga):
    dismiss(report_ids=reports, reason="load test", at=NOW, by=olga)
    make_metered_subscription("acme")
    assert reprocess(at=NOW).resolved == 2
    assert Counter.objects.get().quantity == 2
    assert counts() == (0, 0, 0)


def test_a_resolved_report_is_not_dismissed(reports, olga):
    make_metered_subscription("acme")
    reprocess(at=NOW)
    assert dismiss(report_ids=reports, reason="too late", at=NOW, by=olga) == 0
