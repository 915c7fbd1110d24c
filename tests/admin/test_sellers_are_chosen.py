"""A page about one seller offers the others: a short list as links, a long one by search, without JavaScript."""

import html
import re

import pytest

from billing.admin.closing.month_page import SELLERS_PER_PAGE
from billing.admin.seller_choice import MOST_OFFERED
from tests.builders import make_seller

pytestmark = pytest.mark.django_db
HOME = "/admin/"
REPORT = "/admin/billing/posting/reports/income/"
MRR = "/admin/customers/seller/revenue/mrr/"
MONTHS = "/admin/invoices/monthlock/month-end/"
PAGES = (HOME, REPORT, MRR)
MANY = 30


@pytest.fixture
def sellers():
    """Return more sellers than a page offers. Their names sort as their codes."""
    return [make_seller(f"company-{number:02}", legal_name=f"Company {number:02} Ltd") for number in range(MANY)]


def links(page: str) -> list[str]:
    """Return the codes of the offered sellers."""
    return re.findall(r'<a href="\?(?:[^"]*&amp;)?seller=([\w-]+)"', page)


@pytest.mark.parametrize("page", PAGES)
def test_few_sellers_are_links(member, page):
    for code in ("acme", "other"):
        make_seller(code, legal_name=f"{code} Inc.")
    text = member("finance").get(page).content.decode()
    assert links(text) == ["acme", "other"]
    assert 'name="find"' not in text


@pytest.mark.parametrize("page", PAGES)
def test_many_sellers_are_searched_by_name_or_code(member, sellers, page):
    client = member("finance")
    text = client.get(page, {"seller": "company-25"}).content.decode()
    assert links(text) == []
    assert 'name="find"' in text
    assert "Company 25 Ltd" in text

    found = client.get(page, {"seller": "company-25", "find": "ny 17"}).content.decode()
    assert links(found) == ["company-17"]
    assert "Company 25 Ltd" in found, "a search leaves the seller of the page"
    assert '<input type="hidden" name="seller" value="company-25">' in found

    all_found = client.get(page, {"find": "COMPANY-"}).content.decode()
    assert len(links(all_found)) == MOST_OFFERED
    assert "More sellers match" in all_found
    assert "No seller matches “nobody”." in client.get(page, {"find": "nobody"}).content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_seller_is_not_found(member, sellers, page):
    client = member("finance")
    assert client.get(page, {"seller": "nobody"}).status_code == 404
    assert client.get(page, {"seller": sellers[0].pk}).status_code == 404, "a seller is named by its code"


def test_another_seller_is_shown_in_the_same_division(member):
    for code in ("acme", "other"):
        make_seller(code, legal_name=f"{code} Inc.")
    text = member("finance").get(REPORT, {"seller": "acme", "currency": "EUR", "by": "plan"}).content.decode()
    assert "?seller=other&by=plan" in html.unescape(text)


def test_month_end_lists_sellers_by_page_and_by_search(member, sellers):
    client = member("finance")
    text = client.get(MONTHS, {"month": "2026-01", "page": 6}).content.decode()
    assert "Sellers 21–24" in text
    assert "?month=2026-01&amp;page=7" in text
    assert f'value="{sellers[20].pk}"' in text
    assert text.count('<label class="lock-choice">') == SELLERS_PER_PAGE
    assert "Company 29 Ltd" in text, "the overview has the twenty sellers around the page"
    assert "Company 19 Ltd" not in text

    found = client.get(MONTHS, {"month": "2026-01", "find": "ny 29"}).content.decode()
    assert "Company 29 Ltd" in found
    assert "Company 01 Ltd" not in found
    assert client.get(MONTHS, {"find": "ny 29", "page": 2}).status_code == 404
    assert "No seller matches" in client.get(MONTHS, {"find": "nobody"}).content.decode()
