"""
Finance simulates a price on last month's usage, gets it approved, publishes it, and the next invoices follow it.

Globex used 100 calls last month, Initech 10. The price is $30 in advance and $0.10 a call, and will be $60 and $0.20.
"""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from access.models import ApprovalRule
from billing.closing import close_due
from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import Subscription
from billing.subscriptions import generate_periods
from billing.subscriptions.plan_changes.rollouts import roll_out
from plans.models import PlanVersion, PublishingRule
from tests.browser.steps import submit_publication
from tests.browser.test_finance_changes_a_price import (
    HOUR,
    bills,
    calls,
    fill_in_publication,
    first_of_month,
    make_dearer,
    pass_time,
)
from tests.builders import fee, make_customer, make_plan, offer, publish, rate, subscribe, use

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def version(db) -> PlanVersion:
    """
    Return a version with two customers and their invoices for last month. Publishing needs a simulation and an
    approval.
    """
    now = timezone.now()
    start = first_of_month(first_of_month(now) - timedelta(days=1))
    offers = [offer("calls", rates=[rate("0.10")])]
    version = publish(make_plan("pro", fees=[fee("30")], offers=offers), at=start)
    for name, count in (("globex", 100), ("initech", 10)):
        subscription = subscribe(make_customer(name, legal_name=name.title()), version, start)
        use(subscription, "calls", count)
    generate_periods(until=now)
    close_due(at=now)
    PublishingRule.objects.update(needs_simulation=True)
    ApprovalRule.objects.filter(kind="price_changes").update(is_required=True)
    return version


def test_from_the_draft_to_the_next_invoice(signed_in, version):
    page, now = signed_in("finance"), timezone.now()
    make_dearer(page, version)
    draft = page.url

    # A version can't be submitted for approval before it is simulated.
    page.locator("header, #main").locator("a", has_text="Publish").first.click()
    page.get_by_role("link", name="Publish now").click()
    expect(page.locator(".confirm .error")).to_contain_text("must be simulated")
    page.goto(draft)
    simulate(page)
    read_who_pays_more(page)

    page.goto(draft)
    following = first_of_month(now + timedelta(days=31))
    moves = "At the start of their next billing period"
    fill_in_publication(page, following, moves=moves, runs="2 active subscriptions")
    submit_publication(page, "Schedule")
    expect(page.locator("main, #main").first).to_contain_text("A second person must approve this")

    second = signed_in("finance approver", "grace")
    second.goto(page.url)
    expect(second.locator("#content")).to_contain_text("$142.00")
    second.get_by_role("button", name="Approve and schedule").click()
    expect(second.locator("body")).to_contain_text("approved and carried out")

    roll_out(at=now)
    calls(100, when=now)
    pass_time(now, [following, following + HOUR])
    # This month as before: 100 calls at 0.10. The fee in advance for the next month is the new one.
    assert bills(page, Subscription.objects.get(customer__external_id="globex"), [now]) == ["$70.00"]


def simulate(page: Page) -> None:
    page.locator("header, #main").locator("a", has_text=re.compile("Review")).first.click()
    page.get_by_role("link", name="Simulate on past usage").click()
    page.get_by_label("Past periods to include").fill("1")
    page.get_by_role("button", name="Simulate").click()
    expect(page.locator("#job-progress")).to_contain_text("Waiting for a worker")
    work(kinds=KINDS, clock=timezone.now)
    expect(page.locator("#job-progress")).to_contain_text("Done")


def read_who_pays_more(page: Page) -> None:
    row = page.locator(".panel", has_text="Revenue in USD").locator("tbody tr")
    assert row.locator("td").all_inner_texts()[1:8] == ["2", "$71.00", "$142.00", "+$71.00 (+100%)", "2", "0", "0"]
    expect(page.locator(".staff-chart svg[role=img]")).to_be_visible()
    largest = page.locator(".panel", has_text="Largest increases").locator("tbody tr")
    assert largest.locator("td:first-child").all_inner_texts() == ["Globex", "Initech"]
    largest.first.locator("a").click()
    lines = page.locator(".panel", has_text="By line").locator("tbody tr")
    expect(lines).to_have_count(2)
    cell_texts = [re.sub(r"\s+", " ", all_inner_text) for all_inner_text in lines.all_inner_texts()]
    assert cell_texts == [
        "Pro: Base fee $30.00 $60.00 +$30.00 (+100%)",
        "calls 100 calls $10.00 100 calls $20.00 +$10.00 (+100%)",
    ]
