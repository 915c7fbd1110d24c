"""
Finance builds an offer whose requests become slow beyond an allowance, with a quota in a sliding window and one line
for each API key; the customer's checks follow it, and support explains the invoice.
"""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from billing.closing import close_due
from customers.api_keys import keys
from invoices.models import Invoice
from plans.models import PlanVersion
from tests.browser.steps import fill, pick, publish_now, save
from tests.builders import make_customer, make_feature, make_meter, make_plan, offer, subscribe

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DAY = timedelta(days=1)


def test_finance_builds_the_offer_and_support_explains_its_invoice(signed_in):
    meter = make_meter("requests", event_name="request", unit="request")
    version = make_plan("fast", offers=[offer(make_feature("requests", meter=meter), included=3)])

    page = signed_in("finance")
    page.goto(f"/admin/plans/planversion/{version.pk}/change/")
    limit_requests(page)
    split_price(page)
    publish_now(page)

    subscribe(make_customer("globex", legal_name="Globex"), PlanVersion.objects.get(), starts_at=timezone.now())
    secret = keys.issue(name="product", scopes=["ingest", "read"], sandbox=False, by=None, at=timezone.now())[1]
    checks_follow_the_limits(page, secret)
    send(page, secret, {"test_2": 4, None: 3}, at=timezone.now())
    close_due(at=timezone.now() + 40 * DAY)

    explain_invoice(signed_in("support", "sue"))


def limit_requests(page: Page) -> None:
    """At most 100 requests in five hours; beyond the allowance, 2 a minute."""
    row = page.locator("#features-data tbody", has_text="requests").first
    row.get_by_role("link", name="+ Add limit").click()
    for number, fields in enumerate(
        (
            {"kind": "quota", "most": "100", "counts": "events", "window_count": "5", "window_unit": "hour"},
            {"kind": "throttle", "most": "2", "counts": "events"},
        )
    ):
        page.locator("#usage_limits-group .add-row").click()
        fill(page, f"#id_usage_limits-{number}", fields)
    save(page)
    row = page.locator("#features-data tbody", has_text="requests").first
    expect(row).to_contain_text("Up to 100 requests in any 5 hours")


def split_price(page: Page) -> None:
    """A cent for each request beyond the allowance, which each API key has for itself."""
    row = page.locator("#features-data tbody", has_text="requests").first
    row.get_by_role("link", name="+ Add price").click()
    pick(page, currency="USD")
    page.check("#id_allowance_per_value")
    save(page)
    expect(page.locator(".field-split_by")).to_contain_text("Name the property whose values have lines of their own.")
    page.fill("#id_split_by", "api_key")
    save(page)
    fill(page, "#id_rates-0", {"model": "per_unit", "unit_price": "0.01"})
    save(page)
    expect(page).to_have_url(re.compile(r"/planversion/\d+/change/"))


def checks_follow_the_limits(page: Page, secret: str) -> None:
    """Three requests are fast, and so are two more; then the check asks the customer to wait."""
    send(page, secret, {"live_1": 5}, at=timezone.now())
    answer = check(page, secret, api_key="live_1")
    assert answer["allowed"] is True
    assert 1 <= answer["retry_after"] <= 61
    kinds = {limit["kind"]: limit for limit in answer["limits"]}
    assert (kinds["quota"]["used"], kinds["quota"]["limit"]) == ("5", "100")


def check(page: Page, secret: str, **properties: str) -> Any:
    body = {"customer": "globex", "feature": "requests", "quantity": "1", "properties": properties}
    answer = page.request.post("/api/v1/check", data=body, headers={"Authorization": f"Bearer {secret}"})
    assert answer.ok, answer.text()
    return answer.json()


def send(page: Page, secret: str, counts: dict[str | None, int], *, at: datetime) -> None:
    """Send this many requests of each API key; None for requests without one."""
    events = [
        {
            "id": f"{at:%j}-{key}-{number}",
            "customer": "globex",
            "event": "request",
            "timestamp": at.isoformat(),
            "properties": {"api_key": key} if key else {},
        }
        for key, count in counts.items()
        for number in range(count)
    ]
    answer = page.request.post("/api/v1/events", data=events, headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["accepted"] == len(events)


def explain_invoice(page: Page) -> None:
    """Support sees a line for each key, its calculation, and the events behind it."""
    invoice = Invoice.objects.get()
    page.goto(f"/admin/invoices/invoice/{invoice.pk}/change/")
    lines = page.locator(".lines")
    for text in ("requests: live_1", "requests: test_2", "requests: (none)"):
        expect(lines).to_contain_text(text)
    expect(lines).to_contain_text("Included")
    expect(page.locator("#content-main")).to_contain_text("$0.03")
    page.locator(".panel tr", has_text="requests: live_1").get_by_role("link", name="View events").click()
    expect(page.locator("#main")).to_contain_text("live_1-4")
    expect(page.locator("#main")).not_to_contain_text("test_2")
