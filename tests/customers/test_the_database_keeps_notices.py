"""Each promise of the tables of what is told, broken by raw SQL, is refused by the constraint that makes it."""

import pytest

from customers.models import Contact
from customers.notices.fanning_out import fan_out
from tests.builders import JAN, make_clock, make_customer
from tests.customers.notices.world import listen, tell
from tests.refusals import named_constraints, refused_by

pytestmark = pytest.mark.django_db

COLUMNS = {
    "customer": (
        *("legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country", "tax_number"),
        *("email", "time_zone", "locale", "seller_id", "external_id", "currency", "sandbox", "test_clock_id"),
        *("purchase_order", "tax_exemption", "created_at"),
    ),
    "notice": ("kind", "customer_id", "facts", "key", "created_at", "recipients"),
    "contact": ("customer_id", "name", "email", "language", "billing", "alerts"),
    "webhookendpoint": (
        *("url", "description", "sandbox", "kinds", "secret", "previous_secret", "previous_until"),
        *("disabled_at", "disabled_reason", "created_at"),
    ),
    "delivery": (
        *("notice_id", "target", "endpoint_id", "contact_id", "staff_id", "state", "attempts", "next_at", "answer"),
    ),
}


@pytest.fixture(autouse=True)
def told():
    customer = make_customer()
    make_clock(JAN)
    Contact.objects.create(customer=customer, email="bea@acme.example")
    listen("https://example.com/hook")
    tell(customer, at=JAN)
    fan_out(at=JAN)


def again(table: str, where: str = "true", **columns: str) -> str:
    """Insert a row once more, with other values in some columns."""
    names = COLUMNS[table]
    values = ", ".join(columns.get(name, name) for name in names)
    table = f"customers_{table}"
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE {where} LIMIT 1"  # noqa: S608


def edit(table: str, change: str) -> str:
    return f"UPDATE customers_{table} SET {change}"  # noqa: S608


NEW = {"key": "'another'"}
A_CLOCK = "(SELECT max(id) FROM customers_testclock)"
HOOK = "endpoint_id IS NOT NULL"

CASES = [
    ("notice_is_made_once", again("notice")),
    ("notice_has_a_key", again("notice", key="''")),
    ("notice_kind_is_dotted_words", again("notice", **NEW, kind="'Alert fired'")),
    ("notice_facts_are_few", again("notice", **NEW, facts="'[]'")),
    ("notice_facts_are_few", again("notice", **NEW, facts="jsonb_build_object('x', repeat('x', 70000))")),
    ("notice_is_of_a_customer_or_an_endpoint", again("notice", **NEW, customer_id="NULL")),
    ("notice_is_of_a_customer_or_an_endpoint", again("notice", **NEW, kind="'webhook.test'")),
    ("notice_is_only_handed_out", edit("notice", "kind = 'alert.recovered'")),
    ("notice_is_only_handed_out", edit("notice", "recipients = 7")),
    ("notice_is_only_handed_out", edit("notice", "recipients = NULL")),
    ("contact_is_listed_once", again("contact")),
    ("endpoint_has_an_address", again("webhookendpoint", url="'file:///etc/passwd'")),
    ("endpoint_is_disabled_for_a_reason", edit("webhookendpoint", "disabled_at = now()")),
    ("endpoint_is_disabled_for_a_reason", edit("webhookendpoint", "disabled_reason = 'gone'")),
    ("endpoint_is_disabled_for_a_reason", edit("webhookendpoint", "disabled_at = now(), disabled_reason = 'mood'")),
    ("previous_secret_has_an_end", edit("webhookendpoint", "previous_secret = secret")),
    ("previous_secret_has_an_end", edit("webhookendpoint", "previous_until = now()")),
    ("endpoint_secret_is_kept_encrypted", edit("webhookendpoint", "secret = 'whsec_AAAA'")),
    ("endpoint_secret_is_kept_encrypted", edit("webhookendpoint", "secret = ''")),
    (
        "endpoint_secret_is_kept_encrypted",
        edit("webhookendpoint", "disabled_reason = 'removed', disabled_at = now()"),
    ),
    ("notice_is_delivered_once", again("delivery", HOOK)),
    ("delivery_goes_on_until_it_ends", edit("delivery", "state = 'lost'")),
    ("delivery_goes_on_until_it_ends", edit("delivery", "next_at = NULL")),
    ("delivery_goes_on_until_it_ends", edit("delivery", "state = 'delivered'")),
    ("delivery_has_one_recipient", again("delivery", HOOK, target="'contact:1'")),
    ("delivery_has_one_recipient", again("delivery", HOOK, target="'endpoint:0'", endpoint_id="NULL")),
    ("delivery_has_one_recipient", again("delivery", HOOK, target="'somebody'")),
    ("breakage_policy_is_known", edit("seller", "breakage = 'other'")),
    ("expected_breakage_is_0_to_100_percent", edit("seller", "breakage_percent = 100")),
    ("expected_breakage_is_0_to_100_percent", edit("seller", "breakage_percent = 'NaN'")),
    ("live_customers_live_in_real_time", again("customer", external_id="'x'", test_clock_id=A_CLOCK)),
    ("usage_is_billed_at_an_amount_above_zero", edit("customer", "billed_each = 0")),
    ("usage_is_billed_at_an_amount_above_zero", edit("customer", "billed_each = 'NaN'")),
    ("customers_net_days_are_365_at_most", edit("customer", "net_days = 366")),
    ("checked_tax_number_says_when_and_what_came_of_it", edit("customer", "checked_tax_number = 'DE1'")),
    ("checked_tax_number_says_when_and_what_came_of_it", edit("customer", "tax_number_is_valid = true")),
    ("customer_keeps_its_clock", edit("customer", f"sandbox = true, test_clock_id = {A_CLOCK}")),
    ("customer_keeps_its_clock", edit("customer", "sandbox = true")),
    ("clock_goes_forward", edit("testclock", "now = now - interval '1 s'")),
    ("clock_has_a_name", edit("testclock", "name = ''")),
    ("clock_is_advanced_to_a_later_time", edit("testclock", "target = now, set_off_from = now")),
    ("clock_is_advanced_to_a_later_time", edit("testclock", "target = now + interval '1 s'")),
    ("clock_is_advanced_to_a_later_time", edit("testclock", "set_off_from = now")),
    ("only_an_advancing_clock_fails", edit("testclock", "failure = 'no'")),
]

OLDER = {
    "external_id_names_one_customer",
    "grace_is_0_to_60_days",
    "idempotency_key_is_used_once",
    "key_has_a_scope",
    "late_usage_policy_is_known",
    "net_days_are_365_at_most",
    "secret_is_kept_hashed",
    "zero_invoice_policy_is_known",
}
"""What stands in the tables of parties and keys: refused through their forms and calls, and tested there."""


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_broken_promise_is_refused(name: str, statement: str):
    assert refused_by(statement) == name


def test_every_promise_is_tested():
    assert named_constraints("customers") - OLDER <= {name for name, _ in CASES}


def test_what_is_still_to_be_told_is_not_forgotten():
    tell(make_customer(), key="another", at=JAN)

    assert refused_by("DELETE FROM customers_notice WHERE recipients IS NULL") == "notice_is_only_handed_out"
