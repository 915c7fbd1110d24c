"""A statement with a thousand lines and every mistake of payers: each is booked right or left for review, once."""

import random
from collections import Counter
from decimal import Decimal as D

import pytest
from django.db.models import Sum

from invoices.models import BalanceEntry, BankBooking, BankLine, BankStatement, Payment
from invoices.payments.bank_statements.match_run import match_lines
from tests.clean_books import assert_clean
from tests.invoices.bank_statements.bank_rows import NOW, camt, import_content
from tests.invoices.bank_statements.thousand_lines import generate_lines, make_invoices

pytestmark = pytest.mark.django_db
LINES = 1000


@pytest.mark.slow
def test_a_thousand_lines_are_booked_right_or_left_for_review():
    rng = random.Random(20260304)
    invoices = make_invoices(rng, LINES)
    expected = generate_lines(rng, invoices, LINES)
    euros = [line for line in expected if line.transfer.currency == "EUR"]
    dollars = [line for line in expected if line.transfer.currency == "USD"]

    for lines, account in ((euros, "DE1"), (dollars, "DE2")):
        import_content(camt([line.transfer for line in lines], account=account))
    match_lines(at=NOW)

    rows = BankLine.objects.prefetch_related("bookings")
    stored = {(row.bank_reference, str(row.currency)): row for row in rows}
    outcomes = Counter()
    for line in expected:
        row = stored[line.transfer.reference, line.transfer.currency]
        booked = {booking.invoice_id: booking.amount for booking in row.bookings.all()}
        outcomes[line.kind, row.state] += 1
        if row.state == "booked":
            assert booked == line.shares, (line, row.reason)
        else:
            assert booked == {}
            assert not line.is_sure, (line, row.reason)
            assert row.state == ("outgoing" if line.kind == "outgoing" else "review"), line
    received = BankLine.objects.filter(state="booked").aggregate(sum=Sum("amount"))["sum"]
    recorded = Payment.objects.aggregate(sum=Sum("amount"))["sum"]
    kept = BalanceEntry.objects.aggregate(sum=Sum("amount"))["sum"]
    assert received == recorded + kept > D(10_000)
    for kind in ("double", "other currency", "no number", "unknown payer, odd amount"):
        assert (kind, "review") in outcomes
        assert (kind, "booked") not in outcomes
    assert outcomes["wrong digit", "review"] > 50

    # The same file again, and one that overlaps with it, book nothing twice.
    figures = (Payment.objects.count(), BankBooking.objects.count(), BankLine.objects.count())
    again = import_content(camt([line.transfer for line in euros], account="DE1"))
    part = import_content(camt([line.transfer for line in euros[300:700]], account="DE1", number=2))
    match_lines(at=NOW)
    assert (again.new, again.repeated, part.new, part.repeated) == (0, len(euros), 0, 400)
    assert figures == (Payment.objects.count(), BankBooking.objects.count(), BankLine.objects.count())
    assert BankStatement.objects.count() == 2
    assert_clean("payments")
