"""Finance works through a price sheet with the keyboard alone: move, type, paste, change by percent, and save."""

from decimal import Decimal as D

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from plans.models import Fee, PlanVersion, Rate
from plans.publishing import publication
from tests.builders import FEB, fee, make_plan, offer, publish, rate

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def draft(db) -> PlanVersion:
    """Return a draft copied from a published version; prices per million calls in euros and dollars."""
    prices = {
        currency: [rate(D(price) / 1_000_000, match={"model": name}, label=name) for name, price in rates.items()]
        for currency, rates in {
            "EUR": {"large": "2.30", "mini": "0.14", "nano": "0.046"},
            "USD": {"large": "2.50", "mini": "0.15", "nano": "0.05"},
        }.items()
    }
    fees = [fee("92", currency="EUR"), fee("99")]
    version = publish(make_plan("pro", fees=fees, offers=[offer("calls", included=1000, prices=prices)]))
    return publication.new_version(source=version, by=None, at=FEB)


def test_prices_are_edited_with_the_keyboard_alone(signed_in, draft):
    page = signed_in("finance")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/admin/plans/planversion/{draft.pk}/price-sheet/")
    expect(cell(page, "Fees, Base fee, EUR")).to_be_focused()
    see_bill(page, "€92.00", "€92.00")

    page.keyboard.press("ArrowRight")
    page.keyboard.type("109")
    expect(page.get_by_text("was 99.00, +10.1%")).to_be_visible()
    see_bill(page, "$99.00", "$109.00")

    page.keyboard.press("Enter")
    expect(cell(page, "calls, Included")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cell(page, "calls, large, USD")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    paste(page, "€2.80\t3.00\n0.19\t0.2\n")
    expect(cell(page, "calls, mini, USD")).to_have_value("0.2")

    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("7")
    page.keyboard.press("Escape")
    expect(cell(page, "calls, nano, EUR")).to_have_value("0.046")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_text("2 cells selected")).to_be_visible()
    page.keyboard.press("%")
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 figures are filled in. Save to keep them.")).to_be_visible()
    expect(cell(page, "calls, nano, EUR")).to_have_value("0.0506")
    expect(cell(page, "calls, nano, USD")).to_be_focused()

    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("7 figures are saved.")).to_be_visible()
    expect(page.locator(".sheet")).to_contain_text("€0.0506")
    assert Fee.objects.get(version=draft, currency="USD").amount.amount == 109
    rates = Rate.objects.filter(price__plan_feature__version=draft).order_by("price__currency", "position")
    assert [stored.unit_price * 1_000_000 for stored in rates] == [
        *(D("2.8"), D("0.19"), D("0.0506")),
        *(D(3), D("0.2"), D("0.055")),
    ]


def test_a_wrong_figure_gets_the_focus_and_the_page_fits_a_phone(signed_in, draft):
    page = signed_in("finance")
    page.set_viewport_size(PHONE)
    page.goto(f"/admin/plans/planversion/{draft.pk}/price-sheet/")
    cell(page, "calls, mini, USD").fill("a lot")
    page.get_by_role("button", name="Save prices").click()
    expect(page.get_by_text("Nothing is saved: 1 figure must be corrected.")).to_be_visible()
    expect(cell(page, "calls, mini, USD")).to_be_focused()
    expect(cell(page, "calls, mini, USD")).to_have_value("a lot")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    problems = Axe().run(page, context="#sheet-form").response["violations"]
    assert [(problem["id"], problem["nodes"][0]["html"]) for problem in problems] == []


def cell(page: Page, name: str):
    return page.get_by_label(name, exact=False).first


def see_bill(page: Page, before: str, after: str) -> None:
    """Wait until the example bill has a base fee, before and after."""
    row = page.locator("#sheet-preview tr", has_text="Base fee").first
    expect(row).to_contain_text(before)
    expect(row).to_contain_text(after)


def paste(page: Page, text: str) -> None:
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+v")
