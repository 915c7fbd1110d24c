"""The prices that were in force come to what was invoiced, line by line, however their usage is counted again."""

import pytest

from tests.billing.audit.books import make_books
from tests.billing.metering.ingest.request_parser import NOW
from tests.simulation_law import assert_prices_in_force_come_to_what_was_invoiced


@pytest.mark.django_db
def test_over_books_with_everything_in_them_and_nothing_is_written():
    make_books()
    assert assert_prices_in_force_come_to_what_was_invoiced(at=NOW) > 100
