"""Names, accounts and purposes of bank lines leave with their time, and with the customer's erasure."""

from datetime import timedelta

import pytest
from django.db import connection

from billing.privacy.erasure import erase
from billing.privacy.retention import apply_retention
from invoices.models import BankLine, Payment
from invoices.payments.bank_statements.match_run import match_lines
from tests.clean_books import assert_clean
from tests.invoices.bank_statements.bank_rows import NOW, Transfer, import_transfers, make_due

pytestmark = pytest.mark.django_db
ACME, OTHER = "Acme Robotics GmbH", "Windmere Labs Ltd"


@pytest.fixture
def acme():
    """Return a customer with a booked line and one for review, next to another customer's booked line."""
    customer = make_due(ACME).customer
    make_due(OTHER, "80.00")
    import_transfers(
        Transfer("119.00", "INV-00001 for Jane", ACME.upper(), "DE1", reference="A"),
        Transfer("80.00", "INV-00002", OTHER, "DE2", reference="B"),
        Transfer("5.00", "from Jane", "J. Doe", "DE1", reference="C"),
    )
    match_lines(at=NOW)
    return customer


def payers():
    lines = BankLine.objects.order_by("bank_reference")
    return [(line.bank_reference, line.payer_name, line.payer_account, line.text) for line in lines]


def test_an_erasure_blanks_the_lines_of_the_customer_alone(acme):
    erase(customer_id=acme.pk, at=NOW)

    assert payers() == [("A", "", "", ""), ("B", OTHER, "DE2", "INV-00002"), ("C", "", "", "")]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.reason FROM invoices_banklineevent e JOIN invoices_bankline l ON l.id = e.pgh_obj_id"
            " WHERE l.bank_reference = 'A'"
        )
        assert {reason for (reason,) in cursor.fetchall()} == {""}
    assert Payment.objects.count() == 2
    assert_clean("payments")


@pytest.mark.parametrize(("days", "left"), [(399, 0), (401, 2)])
def test_decided_lines_lose_their_payer_after_their_time(acme, days, left):
    at = NOW + timedelta(days=days)

    assert apply_retention(at=at).bank_lines == left
    assert apply_retention(at=at).bank_lines == 0
    assert payers()[2] == ("C", "J. Doe", "DE1", "from Jane")
    assert (payers()[0] == ("A", "", "", "")) is bool(left)


def test_a_retention_of_zero_keeps_payers(acme, settings):
    settings.BANK_LINE_RETENTION_DAYS = 0
    assert apply_retention(at=NOW + timedelta(days=4000)).bank_lines == 0


def test_an_import_after_the_payers_left_still_finds_the_lines(acme):
    apply_retention(at=NOW + timedelta(days=500))

    again = import_transfers(Transfer("80.00", "INV-00002", OTHER, "DE2", reference="B"), number=2)

    assert (again.new, again.repeated) == (0, 1)
