"""A simulation by the prices in force equals the invoices, line by line, however usage is counted again."""

import pytest

from tests.billing.metering.ingest.request_parser import NOW
from tests.simulation_law import assert_simulation_equals_invoices


@pytest.mark.django_db
@pytest.mark.usefixtures("full_books")
def test_the_full_books_equal_their_invoices_and_nothing_is_stored():
    assert assert_simulation_equals_invoices(at=NOW) > 100
