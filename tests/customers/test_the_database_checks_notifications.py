"""Raw SQL that violates a constraint of the notification tables is refused by that constraint."""

import pytest

from customers.brand.logos import read_logo, store_logo
from customers.models import Contact, EmailTemplate
from customers.notifications.fan_out import fan_out
from customers.portal_auth import magic_links, sessions
from tests.builders import JAN, make_clock, make_customer
from tests.customers.notifications.announcements import announce_alert, create_endpoint
from tests.customers.pictures import picture
from tests.db_refusals import named_constraints, refused_by

pytestmark = pytest.mark.django_db

COLUMNS = {
    "customer": (
        *("legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country", "tax_number"),
        *("email", "time_zone", "locale", "seller_id", "external_id", "currency", "sandbox", "test_clock_id"),
        *("purchase_order", "tax_exemption", "created_at"),
    ),
    "notification": ("kind", "customer_id", "facts", "key", "created_at", "recipients"),
    "emailtemplate": ("kind", "language", "subject", "body"),
    "contact": ("customer_id", "name", "email", "language", "billing", "alerts"),
    "webhookendpoint": (
        *("url", "description", "sandbox", "kinds", "secret", "previous_secret", "previous_until"),
        *("disabled_at", "disabled_reason", "created_at"),
    ),
    "logo": ("sha256", "content"),
    "delivery": (
        *(
            "notification_id",
            "target",
            "endpoint_id",
            "contact_id",
            "staff_id",
            "state",
            "attempts",
            "next_at",
            "answer",
        ),
    ),
}


@pytest.fixture(scope="module", autouse=True)
def notification_rows(shared_transaction: None) -> None:
    customer = make_customer()
    make_clock(JAN)
    EmailTemplate.objects.create(kind="invoice.paid", language="de", subject="Danke", body="Danke.")
    contact = Contact.objects.create(customer=customer, email="bea@acme.example")
    magic_links.request_link(email="bea@acme.example", address="192.0.2.1", origin="", at=JAN)
    sessions.begin(customer=customer, contact=contact, way="mail", at=JAN)
    create_endpoint("https://example.com/hook")
    announce_alert(customer, at=JAN)
    fan_out(at=JAN)
    store_logo(read_logo(picture("PNG")))


def insert_again(table: str, where: str = "true", **columns: str) -> str:
    """Return SQL that inserts a row a second time, with other values in some columns."""
    names = COLUMNS[table]
    values = ", ".join(columns.get(name, name) for name in names)
    table = f"customers_{table}"
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table} WHERE {where} LIMIT 1"  # noqa: S608


def edit(table: str, change: str) -> str:
    return f"UPDATE customers_{table} SET {change}"  # noqa: S608


NEW = {"key": "'another'"}
A_CLOCK = "(SELECT max(id) FROM customers_testclock)"
LARGE = "repeat('x', 600000)::bytea"
HOOK = "endpoint_id IS NOT NULL"
HASH = "secret_sha256 = repeat('0', 64)"

CASES = [
    ("customer_metadata_is_text_by_key", """UPDATE customers_customer SET metadata = '{"a": 5}'"""),
    ("customer_tags_are_few_slugs", "UPDATE customers_customer SET tags = '{two words}'"),
    ("notification_is_announced_once", insert_again("notification")),
    ("notification_has_a_key", insert_again("notification", key="''")),
    ("notification_kind_is_dotted_words", insert_again("notification", **NEW, kind="'Alert fired'")),
    ("notification_facts_are_bounded", insert_again("notification", **NEW, facts="'[]'")),
    (
        "notification_facts_are_bounded",
        insert_again("notification", **NEW, facts="jsonb_build_object('x', repeat('x', 70000))"),
    ),
    (
        "notification_concerns_a_customer_an_endpoint_or_a_plan",
        insert_again("notification", **NEW, customer_id="NULL"),
    ),
    (
        "notification_concerns_a_customer_an_endpoint_or_a_plan",
        insert_again("notification", **NEW, kind="'webhook.test'"),
    ),
    (
        "notification_concerns_a_customer_an_endpoint_or_a_plan",
        insert_again("notification", **NEW, kind="'plan.version_published'"),
    ),
    ("notification_stays_as_written", edit("notification", "kind = 'alert.recovered'")),
    ("notification_stays_as_written", edit("notification", "recipients = 7")),
    ("notification_stays_as_written", edit("notification", "recipients = NULL")),
    ("portal_link_names_a_mailbox_or_a_customer", edit("portallink", "email = ''")),
    (
        "portal_link_names_a_mailbox_or_a_customer",
        edit("portallink", f"way = 'staff', {HASH}"),
    ),
    (
        "portal_link_names_a_mailbox_or_a_customer",
        edit("portallink", f"way = 'guess', {HASH}"),
    ),
    ("secret_of_a_portal_link_is_kept_hashed", edit("portallink", "secret_sha256 = 'plain'")),
    ("portal_link_lasts_an_hour_at_most", edit("portallink", "expires_at = created_at")),
    ("portal_link_lasts_an_hour_at_most", edit("portallink", "expires_at = created_at + interval '61 minutes'")),
    ("portal_session_came_by_a_known_way", edit("portalsession", "way = 'guess'")),
    ("secret_of_a_portal_session_is_kept_hashed", edit("portalsession", "secret_sha256 = 'plain'")),
    ("portal_session_of_a_contact_names_its_mailbox", edit("portalsession", "email = ''")),
    ("portal_session_of_a_contact_names_its_mailbox", edit("portalsession", "contact_id = NULL")),
    ("portal_session_lasts_12_hours_at_most", edit("portalsession", "expires_at = began_at + interval '13 hours'")),
    ("contact_is_listed_once", insert_again("contact")),
    ("contact_role_is_known", edit("contact", "role = 'owner'")),
    ("email_template_exists_once_per_language", insert_again("emailtemplate")),
    ("email_template_has_a_text_in_a_language", insert_again("emailtemplate", language="'DE'")),
    ("email_template_has_a_text_in_a_language", insert_again("emailtemplate", language="'fr'", subject="''")),
    ("email_template_has_a_text_in_a_language", insert_again("emailtemplate", language="'fr'", body="''")),
    ("endpoint_has_an_address", insert_again("webhookendpoint", url="'file:///etc/passwd'")),
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
    ("notification_is_delivered_once_per_recipient", insert_again("delivery", HOOK)),
    ("delivery_is_due_until_it_ends", edit("delivery", "state = 'lost'")),
    ("delivery_is_due_until_it_ends", edit("delivery", "next_at = NULL")),
    ("delivery_is_due_until_it_ends", edit("delivery", "state = 'delivered'")),
    ("delivery_has_one_recipient", insert_again("delivery", HOOK, target="'contact:1'")),
    ("delivery_has_one_recipient", insert_again("delivery", HOOK, target="'endpoint:0'", endpoint_id="NULL")),
    ("delivery_has_one_recipient", insert_again("delivery", HOOK, target="'somebody'")),
    ("only_an_embedded_session_names_its_pages", edit("portalsession", "pages = '{usage}'")),
    (
        "embedded_session_is_read_only_for_an_hour_at_most",
        edit("portalsession", "way = 'embed', pages = '{usage}', expires_at = began_at + interval '1 hour'"),
    ),
    (
        "embedded_session_is_read_only_for_an_hour_at_most",
        edit("portalsession", "way = 'embed', pages = '{usage}', contact_id = NULL"),
    ),
    ("embedding_sites_are_origins", edit("seller", "frame_ancestors = '{https://a.example/path}'")),
    ("embedding_sites_are_origins", edit("seller", "frame_ancestors = '{http://a.example}'")),
    ("portal_host_is_a_host_name", edit("seller", "portal_host = 'https://a.example'")),
    ("portal_host_is_a_host_name", edit("seller", "portal_host = 'a.example:80'")),
    ("colors_of_invoices_are_hexadecimal", edit("seller", "brand_color = 'red'")),
    ("colors_of_invoices_are_hexadecimal", edit("seller", "accent_color = '#12345g'")),
    ("paper_is_known", edit("seller", "paper = 'a3'")),
    ("iban_is_compact", edit("seller", "iban = 'DE02 1203'")),
    ("bic_is_of_8_or_11_characters", edit("seller", "bic = 'BYLADEM'")),
    (
        "discounts_are_separate_from_a_first_of_a_month",
        edit("seller", "discounts_apart_from = '2026-01-02'"),
    ),
    ("e_invoice_policy_is_known", edit("seller", "e_invoices = 'maybe'")),
    ("logo_is_named_by_its_hash", insert_again("logo", sha256="repeat('0', 64)")),
    ("logo_is_small", insert_again("logo", content=LARGE, sha256=f"encode(sha256({LARGE}), 'hex')")),
    ("logo_is_kept_for_ever", edit("logo", "sha256 = 'x'")),
    ("logo_is_kept_for_ever", "DELETE FROM customers_logo"),
    ("erased_customer_has_no_personal_data", edit("customer", "erased_at = now()")),
    ("live_customers_live_in_real_time", insert_again("customer", external_id="'x'", test_clock_id=A_CLOCK)),
    ("usage_is_billed_at_an_amount_above_zero", edit("customer", "billed_each = 0")),
    ("usage_is_billed_at_an_amount_above_zero", edit("customer", "billed_each = 'NaN'")),
    ("customers_net_days_are_365_at_most", edit("customer", "net_days = 366")),
    ("checked_tax_number_has_a_time_and_a_result", edit("customer", "checked_tax_number = 'DE1'")),
    ("checked_tax_number_has_a_time_and_a_result", edit("customer", "tax_number_is_valid = true")),
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
    "euro_has_no_rate_to_itself",
    "exchange_rate_is_above_zero",
    "exchange_rate_is_of_a_day_that_has_begun",
    "external_id_names_one_customer",
    "grace_is_0_to_60_days",
    "idempotency_key_is_used_once",
    "key_has_a_scope",
    "late_usage_policy_is_known",
    "net_days_are_365_at_most",
    "only_a_correction_repeats_a_rate",
    "secret_is_kept_hashed",
    "user_is_restricted_to_a_seller_once",
    "zero_invoice_policy_is_known",
}
"""Constraints of the tables of parties, keys and rates, which are tested through their forms and calls."""


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name


def test_every_constraint_is_tested():
    assert named_constraints("customers") - OLDER <= {name for name, _ in CASES}


def test_an_unsent_notification_can_not_be_deleted():
    announce_alert(make_customer(), key="another", at=JAN)

    assert (
        refused_by("DELETE FROM customers_notification WHERE recipients IS NULL") == "notification_stays_as_written"
    )
