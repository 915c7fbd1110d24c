"""
The five tasks by which the admin is judged, each with the most clicks that it may take: a price rise with its
approval, a promotion, a migration and its rollback, the reason of an invoice's amount, and the close of a month.
"""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from access.models import ApprovalRule
from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Job, MigrationItem
from billing.models.jobs import OPEN_STATES
from billing.revenue.accruals.accrual_run import accrue_all
from billing.subscriptions import generate_periods
from invoices.models import Invoice, MonthLock
from plans.models import Coupon, PlanVersion, Rate
from tests.browser.clicks import ClickCounter
from tests.browser.steps import submit_publication
from tests.browser.test_finance_builds_the_price_lists import send
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.prove.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def first_of_month(months_ago: int = 0):
    moment = timezone.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(months_ago):
        moment = (moment - timedelta(days=1)).replace(day=1)
    return moment


def first_of_next_month():
    return (first_of_month() + timedelta(days=32)).replace(day=1)


@pytest.fixture
def start(signed_in):
    """Return a function that signs a member of a group in, and returns their home page and its clicks."""

    def begin(group: str, name: str = "fiona") -> tuple[Page, ClickCounter]:
        page = signed_in(group, name)
        clicks = ClickCounter(page)
        page.goto("/admin/")
        return page, clicks

    return begin


@pytest.fixture
def company(db) -> None:
    """Create customers of *Starter* with a closed month, and the dearer plan *Scale*."""
    since = first_of_month(1)
    prices = {"calls": [rate("0.05")]}
    starter = publish(make_plan("starter", fees=[fee("30")], offers=[offer("calls", rates=prices["calls"])]), since)
    publish(make_plan("scale", fees=[fee("60")], offers=[offer("calls", rates=[rate("0.04")])]), since)
    for number in range(4):
        customer = make_customer(f"cedar{number}", legal_name=f"Cedar {number} Ltd")
        subscribe(customer, starter, since, at=since)
        when = since + timedelta(days=3)
        send([{"event": "calls"}] * 100, when=when, customer=customer.external_id, at=when)
    now = timezone.now()
    generate_periods(until=now)
    close_due(at=now)
    accrue_all(at=now)


def run_jobs() -> None:
    def is_done() -> bool:
        work(kinds=KINDS, clock=timezone.now)
        return not Job.objects.filter(state__in=OPEN_STATES).exists()

    assert until(is_done, seconds=60, look=0.2)


def run_command(page: Page, text: str) -> None:
    """Open the command bar by its key, type, and take the first hit."""
    page.keyboard.press("Control+k")
    field = page.locator("#command input[name=q]")
    field.fill(text)
    expect(page.locator("#command-hits a").first).to_contain_text(text, ignore_case=True)
    with page.expect_navigation():
        field.press("Enter")


def test_a_price_rise_in_three_currencies_and_its_approval_take_twelve_clicks(start, db):
    prices = {"USD": [rate("0.10")], "EUR": [rate("0.09")], "JPY": [rate("15")]}
    fees = [fee(amount, currency=currency) for currency, amount in (("USD", "99"), ("EUR", "92"), ("JPY", "14800"))]
    version = publish(make_plan("pro", fees=fees, offers=[offer("calls", prices=prices)]), first_of_month(2))
    ApprovalRule.objects.update_or_create(kind="price_changes", defaults={"is_required": True})

    page, clicks = start("finance")
    run_command(page, "Plan versions")
    page.get_by_role("link", name="Pro v1").first.click()
    page.get_by_role("link", name="New version").first.click()
    page.get_by_role("button", name="Create draft").click()
    page.get_by_role("link", name="Edit price sheet").first.click()
    expect(page.locator("#sheet-form input:focus")).to_have_count(1)
    for key in ("Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowRight", "Shift+ArrowRight", "%"):
        page.keyboard.press(key)
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    expect(page.get_by_text("6 figures are filled in.")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("6 figures are saved.")).to_be_visible()
    page.locator("header, #main").locator("a", has_text="Publish").first.click()
    page.get_by_role("link", name="Publish on a date").click()
    day = first_of_next_month()
    page.fill("#id_effective_from_0", f"{day:%Y-%m-%d}")
    page.fill("#id_effective_from_1", "00:00")
    submit_publication(page, "Schedule")
    expect(page.locator("body")).to_contain_text("A second person must approve this.")

    other_page, other_clicks = start("finance approver", "paula")
    other_page.get_by_role("link", name="Approvals").first.click()
    other_page.get_by_role("link", name="Publish Pro v2").first.click()
    other_page.get_by_role("button", name="Approve and schedule").click()
    expect(other_page.locator("body")).to_contain_text("approved and carried out")

    scheduled = PlanVersion.objects.get(copied_from=version)
    assert (scheduled.state, scheduled.effective_from) == ("scheduled", day)
    raised = Rate.objects.filter(price__plan_feature__version=scheduled).order_by("price__currency")
    assert [stored.unit_price for stored in raised] == [Decimal("0.099"), Decimal("16.5"), Decimal("0.11")]
    assert len(clicks) + len(other_clicks) <= 12, (clicks.clicked, other_clicks.clicked)


def test_a_promotion_takes_seven_clicks(start, db):
    make_plan("starter")
    page, clicks = start("finance")
    run_command(page, "Coupons")
    page.get_by_role("link", name="Add coupon").first.click()
    page.fill("#id_code", "AUTUMN20")
    page.fill("#id_name", "Autumn promotion")
    page.fill("#id_percent", "20")
    clicks.choose("#id_duration", "for a number of periods")
    page.fill("#id_periods", "3")
    page.click("button[name=_save]")
    expect(page.locator("#result_list")).to_contain_text("AUTUMN20")
    coupon = Coupon.objects.get()
    assert (coupon.percent, coupon.periods) == (20, 3)
    assert len(clicks) <= 7, clicks.clicked


def test_a_migration_and_its_rollback_take_eight_clicks(start, company):
    page, clicks = start("operations")
    run_command(page, "Plan migrations")
    page.get_by_role("link", name="Plan a migration").first.click()
    page.fill("#id_title", "Starter is no more")
    clicks.choose("#id_plan", "Starter")
    clicks.choose("#id_version", "Scale v1")
    page.get_by_role("button", name="Select subscriptions").click()
    page.locator("#run").click()
    page.get_by_role("button", name="Move 4").click()
    run_jobs()
    page.goto(page.url)
    page.locator("#roll-back").click()
    page.get_by_role("button", name="Roll back 4").click()
    run_jobs()
    assert set(MigrationItem.objects.values_list("state", flat=True)) == {"undone"}
    assert len(clicks) <= 8, clicks.clicked


def test_the_reason_of_an_amount_takes_three_clicks(start, company):
    invoice = Invoice.objects.order_by("pk").last()
    page, clicks = start("support")
    page.locator("[data-command]").first.click()
    page.fill("#command input[name=q]", str(invoice))
    page.locator("#command-hits a", has_text=str(invoice)).first.click()
    expect(page.locator(".panel", has_text="Why $").first).to_contain_text("= ")
    assert len(clicks) <= 3, clicks.clicked


def test_the_close_of_a_month_takes_four_clicks(start, company):
    page, clicks = start("finance approver")
    page.get_by_role("link", name="Month end").first.click()
    page.get_by_role("button", name="Run audit").first.click()
    run_jobs()
    page.reload()
    page.get_by_role("button", name="Lock").first.click()
    page.fill("#id_reason", "Agreed with the board")
    page.get_by_role("button", name="Lock").first.click()
    expect(page.locator("#content")).to_contain_text("locked")
    assert MonthLock.objects.count() == 1
    assert len(clicks) <= 4, clicks.clicked
