"""
Finance schedules a price change in the browser, and the invoices before and after it are correct.

The assertions compare the invoice's page with amounts computed by hand here.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing import subscriptions
from billing.closing import close_due
from billing.models import Subscription
from billing.subscriptions.plan_changes.due_changes import apply_due_changes
from billing.subscriptions.plan_changes.mid_period_split import split_due_periods
from billing.subscriptions.plan_changes.revocation import SPLIT_LEAD_TIME
from billing.subscriptions.plan_changes.rollouts import roll_out
from plans.models import PlanVersion
from plans.publishing.publication import publish_due
from tests.browser import steps
from tests.browser.test_finance_builds_the_price_lists import send, used
from tests.builders import fee, make_customer, make_plan, offer, publish, rate

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HOUR = timedelta(hours=1)


@pytest.fixture
def running(db) -> Subscription:
    """Return a subscription for $30 a month in advance and $0.10 a call, since the first of this month."""
    start = first_of_month(timezone.now())
    plan = make_plan("pro", fees=[fee("30")], offers=[offer("calls", rates=[rate("0.10")])])
    version = publish(plan, at=start)
    subscription = subscriptions.start(customer=make_customer("globex"), version=version, starts_at=start, at=start)
    close_due(at=start + HOUR)
    return subscription


@pytest.mark.long
def test_a_price_is_changed_for_the_first_of_next_month(signed_in, running):
    page, now = signed_in("finance"), timezone.now()
    following = first_of_month(now + timedelta(days=31))
    make_dearer(page, running.version)
    publish_from(page, following, moves="At the start of their next billing period")
    roll_out(at=now)
    see_move(page, following)

    calls(100, when=now)
    pass_time(now, [following, following + HOUR])
    calls(100, when=following + HOUR)
    after = first_of_month(following + timedelta(days=31))
    pass_time(following, [after, after + HOUR])
    # The old month: 100 calls at 0.10, and the new fee in advance. The new month: 100 at 0.20, and the new fee.
    assert bills(page, running, [now, following]) == ["$70.00", "$80.00"]


def test_a_price_is_changed_in_the_middle_of_a_month(signed_in, running):
    """April has 30 days, so half of it is left from the 16th."""
    page, now = signed_in("finance"), timezone.now()
    april = datetime(now.year + 1, 4, 1, tzinfo=UTC)
    moment = april.replace(day=16)
    make_dearer(page, running.version)
    publish_from(page, moment, moves="In mid-period")
    roll_out(at=now)
    see_move(page, moment)

    pass_time(now, [april, april + HOUR])
    calls(100, when=april + HOUR)
    pass_time(april, [moment - SPLIT_LEAD_TIME, moment, moment + HOUR])
    calls(100, when=moment + HOUR)
    may = april.replace(month=5)
    pass_time(moment, [may, may + HOUR])
    # Until the 16th: 100 calls at 0.10, half of 30.00 credited, half of 60.00 charged. Then 100 at 0.20, and May's
    # fee.
    assert bills(page, running, [april, moment]) == ["$25.00", "$80.00"]


def first_of_month(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def make_dearer(page: Page, version: PlanVersion) -> None:
    """Create a version from the one in force, raise its prices, and read the comparison."""
    page.goto(f"/admin/plans/planversion/{version.pk}/change/")
    page.get_by_role("link", name="New version").click()
    page.get_by_role("button", name="Create draft").click()
    steps.open_settings(page)
    page.fill("#id_fees-0-amount", "60")
    steps.save(page)
    steps.open_settings(page)
    page.locator(".price-link").first.click()
    page.fill("#id_rates-0-unit_price", "0.20")
    steps.save(page)
    expect(page).to_have_url(re.compile(r"/planversion/\d+/change/"))
    page.locator("header, #main").locator("a", has_text=re.compile("Review")).first.click()
    page.get_by_role("link", name="Compare versions").click()
    expect(page.locator(".diff", has_text="$60.00")).to_contain_text("$30.00")
    expect(page.locator(".diff", has_text="$0.20 per call")).to_contain_text("+100%")
    page.get_by_role("link", name=re.compile("^Back to")).click()


def publish_from(page: Page, moment: datetime, *, moves: str, runs: str = "1 active subscription") -> None:
    """Publish for all subscriptions after reading the plan check."""
    fill_in_publication(page, moment, moves=moves, runs=runs)
    steps.confirm_publication(page, "Schedule")


def fill_in_publication(page: Page, moment: datetime, *, moves: str, runs: str = "1 active subscription") -> None:
    """
    Fill in the publication for all subscriptions.

    moves: the start of the label that chooses when subscriptions move.
    runs: the text with the number of subscriptions.
    """
    page.locator("header, #main").locator("a", has_text="Publish").first.click()
    page.get_by_role("link", name="Publish on a date").click()
    expect(page.locator(".consequences").first).to_contain_text(runs)
    expect(page.locator(".warnings")).to_contain_text("+100%")
    page.fill("#id_effective_from_0", f"{moment:%Y-%m-%d}")
    page.fill("#id_effective_from_1", f"{moment:%H:%M:%S}")
    page.get_by_label("New and all existing subscriptions").check()
    page.get_by_label(moves).check()


def see_move(page: Page, moment: datetime) -> None:
    page.goto("/admin/billing/scheduledchange/")
    row = page.locator("#result_list tbody tr").first
    expect(row).to_contain_text("upcoming")
    expect(row).to_contain_text(f"{moment:%Y}")


def calls(count: int, *, when: datetime) -> None:
    send(used("calls", count), when=when, at=when)


def pass_time(since: datetime, moments: Iterable[datetime]) -> None:
    """Run the scheduled tasks at these times and at each first of a month between them."""
    moments = sorted(moments)
    firsts, moment = [], first_of_month(since + timedelta(days=31))
    while moment < moments[-1]:
        firsts += [moment, moment + HOUR]
        moment = first_of_month(moment + timedelta(days=31))
    for at in sorted({*firsts, *moments}):
        publish_due(at=at)
        subscriptions.generate_periods(until=at + HOUR)
        split_due_periods(at=at)
        apply_due_changes(at=at)
        close_due(at=at)


def bills(page: Page, subscription: Subscription, moments: Iterable[datetime]) -> list[str]:
    """Return the totals on the pages of the invoices for the periods that contain these times."""
    totals = []
    for moment in moments:
        period = subscription.periods.containing(moment).get()
        page.goto(f"/admin/invoices/invoice/{period.invoice_id}/change/")
        totals.append(page.locator("tfoot tr", has_text="Total").last.locator("td.n").inner_text())
    return totals
