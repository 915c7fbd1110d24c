"""Staff filter a list, save it as a view, choose its columns, and open a row; a phone has room for it."""

import pytest
from playwright.sync_api import expect

from tests.builders import make_customer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}


def headings(page):
    cells = page.locator("#result_list thead th").filter(has_text="").all_inner_texts()
    return [text.strip() for text in cells if text.strip()]


def test_a_view_is_saved_and_its_columns_are_chosen(signed_in):
    make_customer("acme", legal_name="Acme", tags=["pilot"])
    make_customer("beta", legal_name="Beta")
    page = signed_in("finance")
    page.goto("/admin/customers/customer/?tag=pilot")
    expect(page.get_by_role("link", name="Beta")).to_have_count(0)

    page.locator("summary", has_text="Save view").click()
    page.get_by_label("Name of the view").fill("Pilots")
    page.get_by_role("button", name="Save this view").click()
    views = page.get_by_role("navigation", name="Saved views")
    expect(views.get_by_role("link", name="Pilots")).to_have_attribute("aria-current", "page")

    page.locator("summary", has_text="Columns").click()
    page.get_by_role("checkbox", name="Health").uncheck()
    page.get_by_role("checkbox", name="Country").check()
    for _ in range(20):
        page.get_by_role("button", name="Move Country up").press("Enter")
    page.get_by_role("button", name="Apply columns").click()
    page.wait_for_url("**/customer/?view=*")
    assert headings(page)[:2] == ["Country", "Legal name"]
    assert "Health" not in headings(page)

    views.get_by_role("link", name="All").click()
    page.wait_for_url("**/customer/?")
    assert "Health" in headings(page)
    expect(page.get_by_role("link", name="Beta").first).to_be_visible()

    page.set_viewport_size(PHONE)
    page.locator("summary", has_text="Columns").click()
    expect(page.get_by_role("button", name="Apply columns")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_click_in_a_row_opens_it(signed_in):
    make_customer("acme", legal_name="Acme")
    page = signed_in("finance")
    page.goto("/admin/customers/customer/")
    page.get_by_role("cell", name="acme", exact=True).click()
    page.wait_for_url("**/customer/*/change/**")
    expect(page.get_by_role("heading", name="Acme", level=1)).to_be_visible()
