"""The postings and reports of random books are those of an independent reckoner."""

import pytest

from tests.billing.revenue.random_books.books import BOOKS, make_books
from tests.billing.revenue.random_books.comparison import compare

pytestmark = [pytest.mark.django_db, pytest.mark.slow]  # make prove ARGS=books compares 10,000 books

SELLERS = [BOOKS * number for number in range(4)]
"""The numbers of the first book of each seller, whose calendar, locks and settings follow from it."""

FEW = 10
"""Books of each seller that are compared with every change."""


@pytest.mark.parametrize("first", SELLERS)
def test_a_few_random_books_of_each_seller_agree_with_the_reckoner(first):
    assert not compare(make_books(first, FEW)).differences


@pytest.mark.long
@pytest.mark.parametrize("first", SELLERS)
def test_random_books_agree_with_the_reckoner(first):
    assert not compare(make_books(first)).differences
