"""A long list is counted up to a bound, and the page says that there are more rows."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.admin_site import pagination
from config.admin_site.pagination import BoundedPaginator
from customers.models import Customer
from tests.builders import make_customer


@pytest.fixture
def five(db, monkeypatch):
    monkeypatch.setattr(pagination, "MOST", 4)
    for number in range(5):
        make_customer(f"c{number}", legal_name=f"Company {number}")
    return Customer.objects.order_by("pk")


def test_counts_to_the_bound(five):
    pages = BoundedPaginator(five, 2)
    assert (pages.count, pages.num_pages, pages.has_more) == (4, 2, True)


def test_counts_all_of_a_short_list(five):
    pages = BoundedPaginator(five[:3], 2)
    assert (pages.count, pages.num_pages, pages.has_more) == (3, 2, False)


def test_counts_no_further_in_the_database(five):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert BoundedPaginator(five, 2).count == 4
    assert "LIMIT 5" in captured[0]["sql"]


def test_the_page_says_that_there_are_more_rows(five, member):
    assert b"Filter or search to see the others" in member("support").get("/admin/customers/customer/").content
