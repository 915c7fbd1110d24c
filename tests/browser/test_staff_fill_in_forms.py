"""Forms help while they are filled in: presets of a country, usual moments, previews of emails and of selections."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.steps import choose, pick
from tests.builders import fee, make_customer, make_plan, make_seller, publish, subscribe

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def values(page: Page) -> list[str]:
    names = ("currency", "time_zone", "locale")
    return [page.locator(f"#id_{name}").input_value() for name in names]


def test_the_country_presets_what_was_not_touched(signed_in):
    page = signed_in("finance")
    page.goto("/admin/customers/customer/add/")
    choose(page, page.locator(".field-country"), "Germany")
    assert values(page) == ["EUR", "Europe/Berlin", "de_DE"]
    pick(page, currency="CHF")
    choose(page, page.locator(".field-country"), "France")
    assert values(page) == ["CHF", "Europe/Paris", "fr_FR"]


def test_a_moment_is_filled_in_by_a_click_and_an_email_is_previewed(signed_in):
    make_seller("acme", time_zone="Asia/Tokyo")
    page = signed_in("finance")
    page.goto("/admin/plans/coupon/add/")
    page.locator(".field-redeem_from").get_by_role("button", name="Start of next month").click()
    expect(page.locator("#id_redeem_from_1")).to_have_value("15:00:00")

    page.goto("/admin/customers/emailtemplate/add/")
    page.locator("#id_kind").select_option("invoice.paid")
    page.fill("#id_subject", "Paid: {number}")
    page.fill("#id_body", "Thanks for {total}.")
    expect(page.locator("#mail-preview")).to_contain_text("Paid: INV-000042")


def test_a_selection_is_counted_while_it_is_put_together(signed_in):
    old, other = (publish(make_plan(code, fees=[fee("10")])) for code in ("old", "other"))
    for name, version in (("acme", old), ("beta", other)):
        subscribe(make_customer(name), version, timezone.now())
    page = signed_in("operations")
    page.goto("/admin/billing/planmigration/plan/")
    expect(page.locator("#matches")).to_contain_text("Choose a plan")
    page.fill("#id_ids", "acme beta")
    expect(page.locator("#matches")).to_contain_text("2 subscriptions match")
    page.locator("#id_plan").select_option(label=str(old.plan))
    expect(page.locator("#matches")).to_contain_text(f"On {other.plan}, not {old.plan}.")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
