"""A simulation by the prices in force equals the invoices, line by line, however usage is counted again."""

import pytest

from tests.billing.audit.books import make_books
from tests.billing.metering.ingest.request_parser import NOW
from tests.simulation_law import assert_simulation_equals_invoices


@pytest.mark.django_db
def test_the_full_books_equal_their_invoices_and_nothing_is_stored():
    make_books()
    assert assert_simulation_equals_invoices(at=NOW) > 100
