"""A subscription that can't be rolled back stays migrated with a reason; the others are rolled back."""

from decimal import Decimal

import pytest

from billing.models import MigrationItem
from billing.plan_migrations import workflow
from billing.subscriptions import change_plan
from invoices.credit_notes import RequestedCredit, issue_credit_note
from invoices.models import Invoice
from invoices.payments.manual_payments import record_payment
from tests.billing.plan_migrations.migration_setup import (
    DAY,
    FIFTEENTH,
    HOUR,
    TENTH,
    make_version,
    pass_time,
    planned,
    roll_back,
    run,
    use,
)
from tests.builders import FEB, make_customer, subscribe
from tests.clean_books import clean_after_test

clean_books = clean_after_test("subscriptions", "usage", "invoices", "wallets", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]

LATER = FIFTEENTH + 5 * DAY


@pytest.fixture
def moved(db):
    """Create two migrated subscriptions whose former part is billed."""
    old = make_version("old", included=10)
    pair = [subscribe(make_customer(name), old) for name in ("first", "second")]
    for subscription in pair:
        use(subscription, 20, TENTH)
    pass_time(FIFTEENTH)
    migration = planned(make_version("new", "0.20", monthly="62"))
    run(migration)
    pass_time(FIFTEENTH + 3 * HOUR, since=FIFTEENTH + 3 * HOUR)
    return migration


def billed_invoice() -> Invoice:
    return Invoice.objects.get(customer__external_id="first", period_end=FIFTEENTH)


def pay(invoice: Invoice) -> None:
    record_payment(
        invoice_id=invoice.pk,
        amount=Decimal(1),
        paid_at=LATER,
        method="manual",
        reference="A-1",
        reason="",
        at=LATER,
        by=None,
    )


def credit_some(invoice: Invoice) -> None:
    issue_credit_note(
        invoice_id=invoice.pk, lines=[RequestedCredit(3, Decimal(1))], reason="Kindness", to="offset", at=LATER
    )


def change_plan_again(invoice: Invoice) -> None:
    subscription = MigrationItem.objects.get(subscription__customer=invoice.customer_id).subscription
    change_plan(subscription=subscription, version=make_version("third"), at=LATER - HOUR)


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (pay, "is paid in part or in full"),
        (credit_some, "is credited in part"),
        (change_plan_again, "has since moved to"),
    ],
)
def test_one_subscription_stays_and_the_other_is_rolled_back(moved, happens, why):
    happens(billed_invoice())
    job = roll_back(moved, at=LATER)
    assert job.figures == {"rolled back": 1, "not possible": 1}
    states = MigrationItem.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["moved", "undone"]
    assert why in MigrationItem.objects.first().problem


def test_a_period_that_has_ended_is_not_rolled_back(moved):
    pass_time(FEB + DAY, since=FIFTEENTH + DAY)
    assert roll_back(moved, at=FEB + DAY).figures == {"rolled back": 0, "not possible": 2}
    assert set(MigrationItem.objects.values_list("problem", flat=True)) == {
        "The period of the change has ended. Change the plan instead."
    }


def test_a_rollback_can_be_retried_for_the_remaining_ones(moved):
    credit_some(billed_invoice())
    roll_back(moved, at=LATER)
    second_job = roll_back(moved, at=LATER + HOUR)
    assert (second_job.total, second_job.figures["not possible"]) == (1, 1)
    assert workflow.find_missing_step(moved, at=LATER) == ""
