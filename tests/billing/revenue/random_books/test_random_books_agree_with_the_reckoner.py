"""The postings and reports of random books are those of an independent reckoner."""

import pytest

from tests.billing.revenue.random_books.books import BOOKS, make_books
from tests.billing.revenue.random_books.comparison import compare

pytestmark = [pytest.mark.django_db, pytest.mark.slow]  # make prove ARGS=books compares 10,000 books


@pytest.mark.parametrize("first", [BOOKS * number for number in range(4)])
def test_random_books_agree_with_the_reckoner(first):
    assert not compare(make_books(first)).differences
