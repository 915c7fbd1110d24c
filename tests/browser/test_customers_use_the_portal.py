"""A customer uses the portal on a phone without JavaScript, and no page has a serious accessibility problem."""

from decimal import Decimal

import pytest
import time_machine
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from django.urls import reverse
from playwright.sync_api import expect
from pypdf import PdfReader

from customers.models.portal_access import PortalAccessWay
from customers.portal_auth import magic_links
from tests.browser.chromium import chromium, find
from tests.portal.accounts import TODAY, Account, make_account
from tests.portal.test_customers_see_only_their_own_rows import PAGES
from wallets.ledger.grant import Grant, grant
from wallets.models import Purchase
from wallets.purchases import grant_paid

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PHONE, LAPTOP = {"width": 390, "height": 844}, {"width": 1366, "height": 900}
FILES = ("table", "file", "portal_statement")


@pytest.fixture
def today():
    with time_machine.travel(TODAY, tick=True):  # a browser's timeouts need a running clock
        yield


@pytest.fixture
def browser(today, monkeypatch):
    if find() is None:
        pytest.skip("There is no Chromium, and Ubuntu has no package of it: put one on PATH.")
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with chromium() as driver:
        yield driver
        connections.close_all()


def enter_portal(page, account: Account) -> None:
    _, secret = magic_links.create_link(
        customer=account.customer, contact=account.contact, way=PortalAccessWay.PRODUCT, at=TODAY
    )
    page.goto(reverse("portal_enter", args=[secret]))
    page.get_by_role("button", name="Continue to Walnut Ltd").click()


def follow(page, name: str) -> None:
    """Open a page from the menu, which opens without JavaScript."""
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name=name, exact=True).click()


def watched(browser, live_server, errors: list[str], **options):
    page = browser.new_context(base_url=live_server.url, viewport=PHONE, **options).new_page()
    page.set_default_timeout(60_000)
    page.on(
        "console", lambda message: errors.append(f"{page.url}: {message.text}") if message.type == "error" else None
    )
    page.on(
        "request",
        lambda request: (
            errors.append(f"{page.url} asks {request.url}") if not request.url.startswith(live_server.url) else None
        ),
    )
    return page


def test_on_a_phone_without_javascript(browser, live_server):
    account, errors = make_account("walnut"), []
    page = watched(browser, live_server, errors, java_script_enabled=False)
    enter_portal(page, account)
    expect(page.locator("main")).to_contain_text("Projected by")

    follow(page, "Usage")
    expect(page.locator("main")).to_contain_text("By model")
    page.get_by_label("Period", exact=True).select_option("before")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("main")).to_contain_text("previous period")

    follow(page, "Invoices")
    page.get_by_role("link", name=account.invoice.number, exact=True).click()
    page.get_by_text("is calculated").nth(1).click()
    page.get_by_role("link", name="See the usage behind this line").first.click()
    expect(page.locator("main")).to_contain_text("walnut.call")

    follow(page, "People")
    page.get_by_label("Email address").fill("eve@walnut.example")
    page.get_by_role("radio", name="Billing").check()
    page.get_by_role("button", name="Add contact").click()
    expect(page.locator("main")).to_contain_text("We have emailed them a sign-in link")
    page.locator("summary[aria-label='Edit eve@walnut.example']").click()
    page.locator("details[open]").get_by_role("radio", name="Viewer").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("main")).to_contain_text("Contact changed")
    assert account.customer.contacts.get(email="eve@walnut.example").role == "viewer"

    follow(page, "Wallets")
    page.get_by_role("link", name="Top up").click()
    page.get_by_role("radio").check()
    page.get_by_role("button", name="Review order").click()
    page.get_by_role("button", name="Buy for").click()
    expect(page.locator("main")).to_contain_text("The wallet is topped up when the invoice is paid")
    assert Purchase.objects.filter(wallet=account.wallet).count() == 2

    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/portal/")
    assert page.url.endswith("/portal/sign-in")

    page = watched(browser, live_server, errors)
    enter_portal(page, account)
    kept_out = [problem for address in ["/portal/sign-in", *_pages(account)] for problem in _problems(page, address)]
    assert kept_out == []
    assert errors == []


def test_figures_are_refreshed_where_nobody_is_busy(browser, live_server):
    account, errors = make_account("walnut"), []
    page = watched(browser, live_server, errors)
    page.clock.install(time=TODAY)
    enter_portal(page, account)
    wallet = page.locator(f"#live-wallet-{account.wallet.pk}")
    expect(wallet).to_contain_text("80 credits")
    focused = page.get_by_role("link", name=f"View {account.wallet.name}")
    focused.focus()

    grant(wallet_id=account.wallet.pk, grants=[Grant("purchased", Decimal(20), "more")], at=TODAY)
    with page.expect_response("**/portal/"):
        page.clock.run_for(31_000)
    expect(focused).to_be_focused()
    expect(wallet).to_contain_text("80 credits")  # it has the focus, and waits

    page.locator("h1").click()
    focused.blur()
    with page.expect_response("**/portal/"):
        page.clock.run_for(31_000)
    expect(wallet).to_contain_text("100 credits")
    assert errors == []


def test_a_customer_alerts_pays_and_checks(browser, live_server, stripe_server, tmp_path):
    account, errors = make_account("walnut"), []
    page = browser.new_context(base_url=live_server.url, viewport=LAPTOP, accept_downloads=True).new_page()
    page.set_default_timeout(60_000)
    server_url = live_server.url
    page.on(
        "console",
        lambda message: (
            errors.append(message.text) if message.type == "error" and page.url.startswith(server_url) else None
        ),
    )
    enter_portal(page, account)

    # An alert at 75% of the customer's own budget.
    page.get_by_role("link", name="Limits", exact=True).click()
    page.get_by_text("Add an alert rule").click()
    page.get_by_label("Amount").first.fill("200")
    page.get_by_label("Thresholds in percent").fill("75")
    page.get_by_role("button", name="Add alert rule").click()
    expect(page.locator("main")).to_contain_text("75")

    # A credit pack, paid on the provider's page.
    account.wallet.refresh_from_db()
    before = account.wallet.balance
    page.get_by_role("link", name="Wallets", exact=True).first.click()
    page.get_by_role("link", name="Top up").click()
    page.get_by_role("radio").check()
    page.get_by_role("button", name="Review order").click()
    page.get_by_role("button", name="Buy for").click()
    page.get_by_role("button", name="Pay another way").click()
    page.get_by_role("button", name="Pay now").click()
    expect(page.locator("main")).to_contain_text("Nothing is due")
    bought = Purchase.objects.filter(wallet=account.wallet).latest("pk")
    grant_paid(invoice_ids=[bought.invoice_id], at=TODAY)  # as a worker does, seconds later
    assert [charge["amount"] for charge in stripe_server.books.taken()] == [int(bought.invoice.total.amount * 100)]
    page.get_by_role("link", name="Wallets", exact=True).first.click()
    account.wallet.refresh_from_db()
    assert account.wallet.balance == before + bought.units + bought.bonus
    expect(page.locator("main")).to_contain_text(f"{account.wallet.balance.normalize():f} credits")

    # The paid invoice, whose PDF shows the stored amounts.
    page.goto(reverse("portal_invoice", args=[account.invoice.pk]))
    page.get_by_text("is calculated").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF", exact=True).click()
    download.value.save_as(tmp_path / "invoice.pdf")
    text = " ".join(page.extract_text() for page in PdfReader(tmp_path / "invoice.pdf").pages)
    assert f"{account.invoice.total.amount:,.2f}" in text
    assert errors == []


def _pages(account: Account) -> list[str]:
    return [
        reverse(name, kwargs=numbers(account))
        for name, (method, numbers) in PAGES.items()
        if method == "GET" and not name.endswith(FILES)
    ]


def _problems(page, address: str) -> list[str]:
    """Return the serious problems that axe finds, and whether the page is wider than the screen."""
    problems = []
    for size in (PHONE, LAPTOP):
        page.set_viewport_size(size)
        assert page.goto(address).status == 200, address
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        problems += [f"{address} is too wide for {size['width']}"] if page.evaluate(width) > 0 else []
    for violation in Axe().run(page).response["violations"]:
        if violation["impact"] in ("serious", "critical"):
            problems.append(f"{address}: {violation['id']} {[node['target'] for node in violation['nodes']][:3]}")
    return problems
