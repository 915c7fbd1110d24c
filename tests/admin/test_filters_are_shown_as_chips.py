"""The filters in use stand above a list in words, and each is removed by a link."""

import pytest

from lib.admin.filter_chips import filter_chips
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer, make_seller

LIST = "/admin/invoices/invoice/"


@pytest.fixture
def seller(db):
    make_invoice(make_customer())
    return make_seller()


def chips(client, query):
    page = client.get(f"{LIST}?{query}")
    return [(str(chip.title), str(chip.value), chip.link) for chip in filter_chips(page.context["cl"])]


@pytest.mark.parametrize(
    ("query", "title", "value"),
    [
        ("state__exact=issued", "State", "Issued"),
        ("issue_date_from=2026-01-01&issue_date_to=2026-01-31", "Issue date", "from 2026-01-01, to 2026-01-31"),
    ],
)
def test_a_value_stands_there_in_words(member, seller, query, title, value):
    [(shown_title, shown_value, link)] = chips(member("finance"), query)
    assert (shown_title, shown_value.casefold(), link) == (title, value.casefold(), "?")


def test_a_row_stands_there_by_its_name(member, seller):
    [(title, value, _link)] = chips(member("finance"), f"seller__id__exact={seller.pk}")
    assert (title, value) == ("Seller", str(seller))


def test_each_is_removed_alone(member, seller):
    query = f"seller__id__exact={seller.pk}&state__exact=issued&q=INV"
    links = {title: link for title, _value, link in chips(member("finance"), query)}
    assert links["State"] == f"?q=INV&seller__id__exact={seller.pk}"
    page = member("finance").get(f"{LIST}?{query}").content.decode()
    assert "Filters in use" in page
    assert "Clear all" in page


@pytest.mark.parametrize("query", ["", "q=INV", "state__exact=", "o=-1"])
def test_nothing_is_shown_without_a_filter(member, seller, query):
    assert chips(member("finance"), query) == []


@pytest.mark.parametrize(
    "query", ["seller__id__exact=zzz", "state__exact=nonsense", "seller__id__exact=999999999999999999999"]
)
def test_a_wrong_value_does_not_break_the_list(member, seller, query):
    assert member("finance").get(f"{LIST}?{query}", follow=True).status_code == 200
