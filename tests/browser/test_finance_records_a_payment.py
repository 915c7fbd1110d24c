"""Finance finds an invoice and records its payment with the keyboard alone; each stop shows the focus."""

import pytest
from playwright.sync_api import Page, expect

from invoices.models import Payment
from tests.api.invoice_rows import make_invoice
from tests.builders import make_customer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

STEPS = 60
"""The most that Tab may be pressed to reach something on a page."""

OUTLINE = "() => getComputedStyle(document.activeElement).outlineStyle"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on an element that the selector matches; each stop on the way shows the focus."""
    for _ in range(STEPS):
        page.keyboard.press("Tab")
        focused = page.locator("*:focus")
        assert page.evaluate(OUTLINE) != "none", f"nothing shows the focus of {focused.evaluate('e => e.outerHTML')}"
        if focused.evaluate("(element, selector) => element.matches(selector)", selector):
            return
    pytest.fail(f"{STEPS} stops do not reach {selector}.")


def test_a_payment_is_recorded_with_the_keyboard_alone(signed_in):
    invoice = make_invoice(make_customer("acme", legal_name="Acme"))
    page = signed_in("finance")
    expect(page.locator("#nav-sidebar")).to_be_attached()
    page.wait_for_load_state()
    page.keyboard.press("Control+k")
    expect(page.locator("#command input[name=q]")).to_be_focused()
    page.keyboard.type(str(invoice.number))
    expect(page.locator("#command-hits a").first).to_contain_text(str(invoice.number))
    page.keyboard.press("Enter")
    expect(page.get_by_text("€17.85 due")).to_be_visible()

    tab_to(page, "a[href*='record_payment']")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Amount due: €17.85.")).to_be_visible()
    tab_to(page, "[name=amount]")
    page.keyboard.press("Control+a")
    page.keyboard.type("7.85")
    tab_to(page, "[name=reference]")
    page.keyboard.type("bank-7")
    tab_to(page, "main button[type=submit], #main button[type=submit]")
    page.keyboard.press("Enter")

    expect(page.get_by_text("A payment of €7.85 for INV-00001 was recorded.")).to_be_visible()
    expect(page.get_by_text("€10.00 due")).to_be_visible()
    assert Payment.objects.get().reference == "bank-7"
