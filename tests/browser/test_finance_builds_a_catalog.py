"""
Finance starts from an empty database and ends with a PDF, in the browser and without code.

A meter, a feature, a plan with tiers and a live example; publication; a subscription; usage in a chart; a closed
period; the invoice's PDF; and the history of the changes.
"""

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.models import Period
from customers.api_keys import keys
from customers.models import Customer
from invoices.models import Invoice
from plans.models import PlanVersion, Tier
from tests.browser.steps import choose, pick, save

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def menu(page: Page, *items: str, tab: str = "") -> None:
    """Go by the menu: an area, a section of it, and a tab of that."""
    for item in items:
        page.get_by_label("Menu", exact=True).get_by_role("link", name=item, exact=True).click()
    if tab:
        page.get_by_label("Pages of this section").get_by_role("link", name=tab, exact=True).click()


def test_finance_builds_a_catalog_and_gets_paid_for_it(signed_in):
    page = signed_in("finance")
    last_month = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    start = last_month.replace(day=1)

    add_seller(page)
    add_meter_and_feature(page)
    add_plan(page)
    price_in_tiers(page)
    publish(page)
    version = PlanVersion.objects.get()
    assert version.state == "live"
    assert version.published_by.username == "fiona"

    subscribe_customer(page, start=f"{start:%Y-%m-%d}")
    send_usage(page, when=start + timedelta(days=9))
    see_usage(page)
    close_last_period(page)
    open_pdf(page)
    read_history(page, version)


def add_seller(page: Page) -> None:
    """A customer needs a seller."""
    menu(page, "Settings")
    page.goto("/admin/customers/seller/add/")
    page.fill("#id_legal_name", "Acme Inc.")
    pick(page, currency="USD", country="US", time_zone="UTC")
    save(page)
    expect(page.locator("#result_list")).to_contain_text("Acme Inc.")


def add_meter_and_feature(page: Page) -> None:
    page.goto("/admin/plans/meter/add/")
    page.fill("#id_name", "API calls")
    page.fill("#id_event_name", "api.call")
    page.fill("#id_unit", "call")
    page.fill("#id_dimensions", "model")
    expect(page.locator("#id_code")).to_have_value("api-calls")
    save(page)
    page.goto("/admin/plans/feature/add/")
    page.fill("#id_name", "API calls")
    choose(page, page.locator(".field-meter"), "API calls")
    save(page)
    expect(page.locator("#result_list")).to_contain_text("api-calls")


def add_plan(page: Page) -> None:
    """The plan's page leads to its first version, which leads to its prices."""
    page.goto("/admin/plans/plan/add/")
    page.fill("#id_name", "Pro")
    save(page)
    save(page)
    expect(page).to_have_url(re.compile(r"/planversion/\d+/change/"))
    expect(page.locator(".todo")).to_contain_text("The version has no fees or features")

    page.locator("#fees-group .add-row").click()
    fee = page.locator("#fees-data tbody:not(.empty-form)").first
    fee.get_by_label("Amount").fill("19.99")
    fee.get_by_label("Currency").fill("usd")
    page.locator("#features-group .add-row").click()
    choose(page, page.locator("#features-data tbody:not(.empty-form)").first, "API calls")
    save(page)
    expect(page.locator(".todo")).to_contain_text("API calls has no price")


def price_in_tiers(page: Page) -> None:
    """The grid reports invalid tiers, and the live example updates before anything is saved."""
    page.get_by_role("link", name="+ Add price").click()
    expect(page.locator("#id_currency")).to_have_value("USD")
    save(page)
    page.locator("#id_rates-0-model").select_option("graduated")
    expect(page.locator("#id_rates-0-unit_price")).to_be_hidden()
    page.locator("#id_rates-0-example").fill("125000")
    tiers = page.locator("#rates-0-tiers-data")
    tiers.locator(".add-row").click()
    for row, (up_to, price) in enumerate([("10,000", "0.0025"), ("10,000", "0.001"), ("", "0.000775")]):
        tiers.locator(f"#id_rates-0-tiers-{row}-up_to").fill(up_to)
        tiers.locator(f"#id_rates-0-tiers-{row}-unit_price").fill(price)
    example = page.locator("#example")
    expect(example).to_contain_text("Tier 2 starts after 10,000")

    page.click("button[name=_save]")
    expect(tiers.locator("tbody").nth(1)).to_contain_text("Tier 2 starts after 10,000")
    page.locator("#id_rates-0-example").fill("125000")
    page.locator("#id_rates-0-tiers-1-up_to").fill("100,000")
    expect(tiers.locator(".field-first_unit").nth(2)).to_have_text("100,001")
    expect(example.locator("summary")).to_have_text("125,000 calls = $134.38")
    expect(example).to_contain_text("$0.000775")
    assert Tier.objects.count() == 0, "the example must not save anything"

    page.locator("#id_rates-0-example").fill("0 125000 1,000,000")
    expect(example.locator("summary")).to_have_text(
        ["0 calls = $0.00", "125,000 calls = $134.38", "1,000,000 calls = $812.50"]
    )
    save(page)
    expect(page).to_have_url(re.compile(r"/planversion/\d+/change/"))
    expect(page.locator(".price-link").first).to_have_text("USD graduated, 3 tiers")
    expect(page.locator(".todo")).to_have_count(0)


def publish(page: Page) -> None:
    page.locator("header, #main").locator("a", has_text="Publish").first.click()
    page.get_by_role("link", name="Publish now").click()
    expect(page.locator(".consequences")).to_contain_text("new subscriptions to Pro get its prices")
    expect(page.locator(".consequences")).to_contain_text("Pro has no subscriptions yet")
    page.fill("#id_reason", "Launch of the new prices")
    page.get_by_role("button", name="Publish now").click()
    expect(page.locator(".cards")).to_contain_text("active")
    expect(page.locator("#fees-data input[type=text]")).to_have_count(0)
    expect(page.get_by_role("link", name="New version")).to_be_visible()


def subscribe_customer(page: Page, *, start: str) -> None:
    page.goto("/admin/customers/customer/add/")
    page.fill("#id_legal_name", "Globex Corporation")
    page.fill("#id_external_id", "globex")
    choose(page, page.locator(".field-seller"), "Acme Inc.")
    pick(page, currency="USD", country="US", time_zone="UTC")
    save(page)
    page.fill("#searchbar", "globex")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Globex Corporation").click()
    page.get_by_role("link", name="Add subscription").click()
    page.locator("#id_version").select_option(label="Pro v1 (USD)")
    page.fill("#id_starts_at_0", start)
    page.fill("#id_starts_at_1", "00:00:00")
    page.get_by_role("button", name="Add subscription").click()
    expect(page.locator("#content-main")).to_contain_text("Pro v1")


def send_usage(page: Page, *, when: datetime) -> None:
    """Send two days of usage through the API: in the past month, and today."""
    _, secret = keys.issue(name="product", scopes=["ingest"], sandbox=False, by=None, at=timezone.now())
    for day, moment in enumerate([when, timezone.now() - timedelta(minutes=1)]):
        events = [
            {
                "id": f"{day}-{number}",
                "customer": "globex",
                "event": "api.call",
                "timestamp": moment.isoformat(),
                "properties": {"model": "large"},
            }
            for number in range(40)
        ]
        answer = page.request.post("/api/v1/events", data=events, headers={"Authorization": f"Bearer {secret}"})
        assert answer.json()["accepted"] == 40


def see_usage(page: Page) -> None:
    page.get_by_role("link", name="Usage", exact=True).last.click()
    content = page.locator("#content-main")
    expect(content).to_contain_text("40 calls")
    expect(content).to_contain_text("Usage this period")
    assert page.locator(".staff-chart").count() == 1
    expect(page.locator(".staff-chart .scale span").last).to_be_visible()
    expect(content).to_contain_text("API calls by model")


def close_last_period(page: Page) -> None:
    """Close by hand, as the worker would do: the list shows due periods, and the page states the consequences."""
    menu(page, "Month end", "Invoicing", tab="Billing periods")
    page.goto("/admin/billing/period/?status=due")
    expect(page.locator("#result_list tbody")).to_have_count(2)
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("close_now")
    page.locator("button[name=index]").click()
    expect(page.locator(".consequences")).to_contain_text("2 periods are closed and invoiced, each at most once.")
    page.get_by_role("button", name="Invoice 2 periods").click()
    expect(page.locator("#main")).to_contain_text("2 periods closed; invoices issued: 2.")
    assert not Period.objects.due(timezone.now()).exists()


def open_pdf(page: Page) -> None:
    menu(page, "Revenue")
    invoice = Invoice.objects.order_by("pk").last()
    page.get_by_role("link", name=invoice.number).click()
    content = page.locator("#content-main")
    expect(content).to_contain_text("Globex Corporation")
    expect(content.locator(".lines")).to_contain_text("API calls")
    answer = page.request.get(f"/admin/invoices/invoice/{invoice.pk}/open_pdf/")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF-")


def read_history(page: Page, version: PlanVersion) -> None:
    page.goto(f"/admin/plans/planversion/{version.pk}/history/")
    latest = page.locator(".history-entry").first
    expect(latest).to_contain_text("Fiona Ash in the back office: publish")
    expect(latest).to_contain_text("Launch of the new prices")
    expect(latest.locator("tr", has_text="State")).to_contain_text("draft → active")
    expect(page.locator(".history")).to_contain_text("tier up to 10,000")
    Customer.objects.filter(external_id="globex").update(city="Springfield")
    page.goto(f"/admin/customers/customer/{Customer.objects.get().pk}/history/")
    expect(page.locator(".history-entry").first).to_contain_text("direct database change")
    expect(page.locator(".history-entry").first).to_contain_text("empty → Springfield")
