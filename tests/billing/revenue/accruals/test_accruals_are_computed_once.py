"""Accruals are computed by any number of workers, and a period that can't be rated stops no other one."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse

from billing.models import Accrual, AccruedAmount, Counter, Posting
from billing.revenue.accruals import accrual_run
from billing.revenue.accruals.accrual_queue import claim, read_due_accruals
from billing.revenue.accruals.accrual_run import accrue_all
from billing.revenue.ledger.books import read_books
from billing.revenue.month_end.checklist import read_checklist
from billing.revenue.month_end.month_lock import lock_checked_month
from invoices.documents.locked_months import MonthLockRefused
from tests import races
from tests.billing.revenue.accruals.accrual_setup import (
    accrue_at,
    close,
    lock,
    metered,
    priced,
    revenue,
    subscribed,
    use,
)
from tests.billing.revenue.book_setup import moment
from tests.builders import make_customer, subscribe
from tests.statements import sent_statements

UNKNOWN_FEATURE = 10**9


def make_periods(count: int):
    """Return subscriptions that use 10.00 in January, whose periods end in February."""
    offered = priced(metered(), "1.00")
    first = subscribed([offered])
    others = [make_customer(currency="EUR") for _ in range(count - 1)]
    subscriptions = [first, *(subscribe(each, first.version, first.starts_at, currency="EUR") for each in others)]
    for subscription in subscriptions:
        use(subscription, offered["feature"], 10, "2026-01-20")
    return subscriptions


@pytest.mark.django_db
def test_a_second_run_computes_nothing():
    seller = make_periods(2)[0].customer.seller
    first = accrue_at(seller, "2026-02-03")
    assert (first.computed, first.failed) == (4, 0)  # the ends of January, and of February so far
    before = list(AccruedAmount.objects.order_by("pk").values())
    assert accrue_at(seller, "2026-02-03").computed == 0
    assert list(AccruedAmount.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_a_month_that_has_ended_is_computed_again_once():
    seller = make_periods(1)[0].customer.seller
    accrue_at(seller, "2026-01-31")
    assert accrue_at(seller, "2026-02-01T01:00").computed == 2
    assert accrue_at(seller, "2026-02-01T02:00").computed == 0
    # Prices and coupons may have changed since.
    assert accrue_at(seller, "2026-02-02T02:00").computed == 2


@pytest.mark.django_db
def test_a_period_that_cannot_be_rated_keeps_the_month_open_and_stops_no_other(admin_client):
    broken, sound = make_periods(2)
    seller = sound.customer.seller
    Counter.objects.filter(period__subscription=broken).update(plan_feature_id=UNKNOWN_FEATURE)
    assert accrue_at(seller, "2026-01-25").failed == 1
    failed = Accrual.objects.failed().get()
    assert failed.period.subscription == broken
    assert "has no price" in failed.error
    assert AccruedAmount.objects.get().accrual.period.subscription == sound
    points = {point.code: point for point in read_checklist(seller=seller, month=failed.month)}
    assert points["accruals_failed"].prevents_lock
    assert points["accruals_failed"].count == 1
    listed = reverse("admin:billing_period_changelist") + f"?status=unrated&seller={seller.pk}"
    assert admin_client.get(listed).context["cl"].result_count == 1
    page = admin_client.get(reverse("admin:billing_period_change", args=[failed.period_id])).content.decode()
    assert "Revenue of January 2026 unknown" in page


@pytest.mark.django_db
def test_an_error_of_the_database_concerns_one_period(monkeypatch):
    broken, sound = make_periods(2)
    rate = accrual_run.rate_open_periods

    def rate_with_error(period_ids, **times):
        if broken.periods.get().pk in period_ids:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return rate(period_ids, **times)

    monkeypatch.setattr(accrual_run, "rate_open_periods", rate_with_error)
    counts = accrue_at(sound.customer.seller, "2026-01-25")
    assert (counts.computed, counts.failed) == (2, 1)
    assert "division by zero" in Accrual.objects.failed().get().error
    assert AccruedAmount.objects.get().accrual.period.subscription == sound


@pytest.mark.django_db
def test_an_open_earlier_month_refuses_the_lock_by_name():
    subscription = make_periods(1)[0]
    with pytest.raises(MonthLockRefused, match=r"January 2026 of Acme Inc\. is still open"):
        lock_checked_month(
            seller=subscription.customer.seller,
            month=moment("2026-02-01").date(),
            note="",
            by=None,
            at=moment("2026-03-05"),
        )
    points = read_checklist(seller=subscription.customer.seller, month=moment("2026-02-01").date())
    assert {point.code: point.count for point in points}["earlier_open"] == 1


@pytest.mark.django_db
def test_a_lock_computes_the_accruals_that_are_due_first():
    subscription = make_periods(1)[0]
    lock(subscription.customer.seller, "2026-01", at="2026-02-02")
    assert list(Posting.objects.values_list("source", "debit", "credit", "amount")) == [
        ("accrual", "unbilled", "revenue", 10)
    ]


@pytest.mark.django_db
def test_the_statements_do_not_grow_with_the_periods():
    make_periods(2)
    with sent_statements() as few:
        accrue_all(at=moment("2026-02-03"))
    make_periods(6)
    with sent_statements() as many:
        accrue_all(at=moment("2026-02-03"))
    assert len(many) <= len(few)


@pytest.mark.django_db
def test_the_command_computes_one_seller_and_month(monkeypatch):
    seller = make_periods(1)[0].customer.seller
    monkeypatch.setattr(
        "billing.management.commands.accrue_revenue.database_time", lambda: moment("2026-02-03"), raising=True
    )
    printed = StringIO()
    call_command("accrue_revenue", seller=seller.code, month="2026-01", stdout=printed)
    assert printed.getvalue() == "1 accruals computed.\n"
    assert revenue(seller, "2026-02-03") == {"2026-01": "10.00"}
    with pytest.raises(CommandError, match="--month 2026-13 is not a month"):
        call_command("accrue_revenue", month="2026-13")
    with pytest.raises(CommandError, match="--seller nobody is no seller's code"):
        call_command("accrue_revenue", seller="nobody")


@pytest.mark.django_db(transaction=True)
def test_two_workers_compute_each_accrual_once():
    seller = make_periods(3)[0].customer.seller
    at = moment("2026-01-25")
    due = read_due_accruals(read_books(seller, at=at), at=at)
    with transaction.atomic():
        claim([each.period_id for each in due], month=due[0].month, at=at)
        other = races.start(lambda: accrual_run._accrue_chunk(due, at=at))
        other.join(1)
        assert other.is_alive(), "the second worker waits for the first one"
    assert other.result().computed == 0
    close("2026-02-15T02:00")
