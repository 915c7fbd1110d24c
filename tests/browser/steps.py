"""Steps of finance in the admin, one function per page."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from playwright.sync_api import Page, expect


def save(page: Page) -> None:
    page.click("button[name=_save]")


def open_settings(page: Page) -> None:
    """Open the settings below the price sheet of a version, which are folded once nothing is missing."""
    page.locator("details.behavior:not([open]) > summary").click()


def choose(page: Page, row: Any, name: str) -> None:
    """Choose from an autocomplete: open it, type, and pick the match."""
    row.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").last.fill(name)
    page.locator(".select2-results__option", has_text=name).first.click()


def pick(page: Page, **values: str) -> None:
    """Pick values from lists with search, whose own select is hidden: name of the field → value."""
    for name, value in values.items():
        page.locator(f"#id_{name}").select_option(value, force=True)


def add_meter(page: Page, name: str, event: str, *, readings: Mapping[str, str] | None = None, **fields: str) -> None:
    """
    Add a meter and a feature of the same name.

    fields: fields of the form.
    readings: value of the dimension → property.
    """
    page.goto("/admin/plans/meter/add/")
    page.fill("#id_name", name)
    page.fill("#id_event_name", event)
    if aggregation := fields.pop("aggregation", ""):
        page.locator("#id_aggregation").select_option(aggregation)
    for field, value in fields.items():
        page.fill(f"#id_{field}", value)
    for row, (value, read_from) in enumerate((readings or {}).items()):
        page.locator("#readings-group .add-row").click()
        page.fill(f"#id_readings-{row}-dimension_value", value)
        page.fill(f"#id_readings-{row}-value_property", read_from)
    save(page)
    expect(page.locator("#result_list")).to_contain_text(name)
    add_feature(page, name, meter=name)


def add_feature(page: Page, name: str, *, meter: str) -> None:
    page.goto("/admin/plans/feature/add/")
    page.fill("#id_name", name)
    choose(page, page.locator(".field-meter"), meter)
    save(page)
    expect(page.locator("#result_list")).to_contain_text(name)


def add_plan(
    page: Page, name: str, *, fees: Iterable[Mapping[str, str]] = (), features: Iterable[Mapping[str, str]] = ()
) -> None:
    """Add a plan and its first version. fees, features: fields of their rows; a feature is chosen by its `name`."""
    page.goto("/admin/plans/plan/add/")
    page.fill("#id_name", name)
    save(page)
    save(page)
    expect(page).to_have_url(re.compile(r"/planversion/\d+/change/"))
    for row, fields in enumerate(fees):
        page.locator("#fees-group .add-row").click()
        fill(page, f"#id_fees-{row}", {"currency": "USD", **fields})
    for row, fields in enumerate(features):
        page.locator("#features-group .add-row").click()
        choose(page, page.locator("#features-data tbody:not(.empty-form)").nth(row), fields["name"])
        fill(page, f"#id_features-{row}", {key: value for key, value in fields.items() if key != "name"})
    save(page)


def add_price(page: Page, feature: str, *rates: Mapping[str, str]) -> None:
    """Add a price for a feature of the open version, in its currency. rates: fields of their rows."""
    row = page.locator("#features-data tbody", has_text=feature).first
    row.get_by_role("link", name="+ Add price").click()
    pick(page, currency="USD")
    save(page)  # the rates can be added once the price is stored
    for number, fields in enumerate(rates):
        if number:
            page.get_by_text(re.compile("^Add another rate$", re.IGNORECASE)).click()
        fill(page, f"#id_rates-{number}", fields)
    save(page)
    expect(page).to_have_url(re.compile(r"/planversion/\d+/change/"))


def fill(page: Page, prefix: str, fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        field = page.locator(f"{prefix}-{name}")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def publish_now(page: Page) -> None:
    page.locator("header, #main").locator("a", has_text="Publish").first.click()
    page.get_by_role("link", name="Publish now").click()
    confirm_publication(page, "Publish now")


def confirm_publication(page: Page, verb: str) -> None:
    submit_publication(page, verb)
    expect(page.locator(".cards")).to_contain_text(re.compile("active|scheduled"))


def submit_publication(page: Page, verb: str) -> None:
    page.fill("#id_reason", "As agreed for the launch")
    if (warnings := page.locator("#id_acknowledged")).count():
        warnings.check()
    page.get_by_role("button", name=verb).click()
