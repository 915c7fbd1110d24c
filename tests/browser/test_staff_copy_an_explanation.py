"""Staff copy the explanation of an invoice; on a phone, the page is no wider than the screen."""

import pytest
from playwright.sync_api import expect

from tests.invoices.explanation.monthly_invoices import make_monthly_invoices

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}


def test_the_text_is_copied_and_the_bridge_fits_a_phone(signed_in):
    invoice = make_monthly_invoices().february
    page = signed_in("support")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    page.get_by_role("button", name="Copy text").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith(
        "$109.00 = Platform fee $99.00 + 1 extra seat $5.00"
    )

    page.set_viewport_size(PHONE)
    page.get_by_text("Show as table").click()
    expect(page.get_by_role("cell", name="25% more tokens")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_without_the_clipboard_the_text_is_selected(signed_in):
    invoice = make_monthly_invoices().february
    page = signed_in("support")
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    page.get_by_role("button", name="Copy text").click()
    page.wait_for_function("String(getSelection()).startsWith('$109.00')")
