"""The worked table of docs/migration.md."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.subscriptions import generate_periods
from invoices.models import Invoice
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
from tests.docs_tables import rows

clean_books = clean_after_test("subscriptions", "usage", "invoices", "payments", "jobs")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def invoiced_total(**filters: object) -> Decimal:
    return sum((invoice.total.amount for invoice in Invoice.objects.filter(**filters)), Decimal(0))


@pytest.mark.parametrize("row", rows("migration.md", "Rollback"))
def test_a_rollback_bills_as_documented(row):
    at, issued, credited, january = row.values()
    subscription = subscribe(make_customer("acme"), make_version("old", included=10))
    use(subscription, 20, TENTH)
    pass_time(FIFTEENTH)
    migration = planned(make_version("new", "0.20", monthly="62", included=5))
    run(migration)
    use(subscription, 9, FIFTEENTH + HOUR / 4)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    close_due(at=moment)
    assert invoiced_total(period_end=FIFTEENTH) == Decimal(issued or 0)
    roll_back(migration, at=moment)
    assert invoiced_total(kind="credit_note") == Decimal(credited or 0)
    use(subscription, 4, FIFTEENTH + 8 * DAY)
    generate_periods(until=FEB + 2 * HOUR)
    close_due(at=FEB + 2 * HOUR)
    assert Invoice.objects.filter(kind="invoice").latest("pk").total.amount == Decimal(january)
