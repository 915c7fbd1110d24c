"""
Every page shows the customer's own rows and answers 404 for another customer's; visitors without a session see none.
"""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.portal.accounts import Account

pytestmark = pytest.mark.django_db

Numbers = Callable[[Account], dict[str, Any]]


def no_parameters(account: Account) -> dict[str, Any]:
    return {}


def wallet(account: Account) -> dict[str, Any]:
    return {"number": account.wallet.pk}


def invoice(account: Account) -> dict[str, Any]:
    return {"number": account.invoice.pk}


def receipt(account: Account) -> dict[str, Any]:
    return {"number": account.payment.invoice_id, "payment": account.payment.pk}


def payment_method(account: Account) -> dict[str, Any]:
    return {"number": account.payment_method.pk}


def line(account: Account) -> dict[str, Any]:
    return {"number": account.invoice.pk, "position": account.line.position}


def statement(account: Account) -> dict[str, Any]:
    return {**wallet(account), "since": date(2026, 2, 1), "until": date(2026, 2, 10), "kind": "csv"}


PAGES: dict[str, tuple[str, Numbers]] = {
    # name                        method  parameters of an account's row
    "portal_overview": ("GET", no_parameters),
    "portal_usage": ("GET", no_parameters),
    "portal_usage_table": ("GET", no_parameters),
    "portal_limits": ("GET", no_parameters),
    "portal_set_budget": ("POST", no_parameters),
    "portal_remove_budget": ("POST", lambda account: {"number": account.budget}),
    "portal_set_cap": ("POST", no_parameters),
    "portal_remove_cap": ("POST", lambda account: {"number": account.cap}),
    "portal_plan": ("GET", no_parameters),
    "portal_change_plan": ("GET", lambda account: {"number": account.subscription.pk}),
    "portal_enter_code": ("POST", lambda account: {"number": account.subscription.pk}),
    "portal_invoices": ("GET", no_parameters),
    "portal_invoice": ("GET", invoice),
    "portal_invoice_file": ("GET", invoice),
    "portal_pay": ("GET", invoice),
    "portal_invoice_table": ("GET", invoice),
    "portal_receipt": ("GET", receipt),
    "portal_receipt_file": ("GET", receipt),
    "account_statement": ("GET", no_parameters),
    "account_statement_table": ("GET", no_parameters),
    "account_statement_file": ("GET", no_parameters),
    "portal_payment_methods": ("GET", no_parameters),
    "portal_add_payment_method": ("POST", no_parameters),
    "portal_charge_automatically": ("POST", no_parameters),
    "portal_replace_payment_method": ("POST", payment_method),
    "portal_use_payment_method": ("POST", payment_method),
    "portal_remove_payment_method": ("POST", payment_method),
    "portal_line_events": ("GET", line),
    "portal_line_events_table": ("GET", line),
    "portal_wallets": ("GET", no_parameters),
    "portal_wallet": ("GET", wallet),
    "portal_statement": ("GET", statement),
    "portal_top_up": ("GET", wallet),
    "portal_auto_top_up": ("GET", wallet),
    "portal_remove_auto_top_up": ("POST", wallet),
    "portal_details": ("GET", no_parameters),
    "portal_people": ("GET", no_parameters),
    "portal_change_contact": ("POST", lambda account: {"number": account.colleague.pk}),
    "portal_add_contact": ("POST", no_parameters),
    "portal_remove_contact": ("POST", lambda account: {"number": account.colleague.pk}),
}
SHARED_PAGES = {"portal_change_plan"}
"""Pages of the price list."""

OPEN = {
    *("portal_sign_in", "portal_mailed", "portal_enter", "portal_sign_out", "portal_language"),
    *("portal_style", "portal_logo"),
}
"""Pages that need no session."""


def patterns(url_patterns=None) -> Iterator[URLPattern]:
    for pattern in get_resolver().url_patterns if url_patterns is None else url_patterns:
        if isinstance(pattern, URLResolver) and (url_patterns is not None or str(pattern.pattern) == "portal/"):
            yield from patterns(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and url_patterns is not None:
            yield pattern


def request_page(client: Client, name: str, account: Account):
    method, numbers = PAGES[name]
    return client.generic(method, reverse(name, kwargs=numbers(account)))


def text_of(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace")


def test_the_table_has_every_page():
    names = {pattern.name for pattern in patterns()}

    assert names == set(PAGES) | OPEN
    assert all(hasattr(pattern.callback, "is_of_a_customer") for pattern in patterns() if pattern.name not in OPEN)


def test_visitors_without_a_session_are_redirected_to_sign_in(own):
    for name in PAGES:
        answer = request_page(Client(), name, own)
        assert (answer.status_code, answer["Location"]) == (302, "/portal/sign-in"), name
        assert "no-store" in answer["Cache-Control"], name


def test_pages_show_own_rows_and_none_of_another_customer(own, foreign):
    client = own.client()
    for name, (method, numbers) in PAGES.items():
        if method == "POST":
            continue
        answer = request_page(client, name, own)
        assert answer.status_code == 200, name
        page_text = text_of(answer)
        if answer["Content-Type"].startswith("text/html"):
            assert own.word in page_text.lower(), name
        if name not in SHARED_PAGES:
            assert foreign.word not in page_text.lower(), name
        assert "no-store" in answer["Cache-Control"], name
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy, name
        assert "unsafe" not in policy, name
        if numbers is not no_parameters:
            assert request_page(client, name, foreign).status_code == 404, name


def test_forms_do_not_change_rows_of_another_customer(own, foreign):
    client = own.client()
    for name, (method, numbers) in PAGES.items():
        if method == "POST" and numbers is not no_parameters:
            assert request_page(client, name, foreign).status_code == 404, name
            # The form of a promotion code is refused without a code, and these without a payment provider.
            is_refused = name in (
                "portal_change_contact",
                "portal_enter_code",
                "portal_replace_payment_method",
                "portal_remove_payment_method",
            )
            expected = 422 if is_refused else 303
            assert request_page(client, name, own).status_code == expected, name
    foreign.contact.refresh_from_db()
    assert foreign.customer.contacts.count() == 2
    assert foreign.customer.spend_caps.count() == 1
    foreign.payment_method.refresh_from_db()
    assert (foreign.payment_method.is_default, foreign.payment_method.removed_at) == (False, None)
    assert foreign.customer.alert_rules.filter(removed_at__isnull=True).count() == 1


def test_read_only_sessions_change_nothing(own):
    for client in (own.client(looks=True), own.client(contact=own.colleague)):
        for name, (method, _) in PAGES.items():
            if method == "POST":
                assert request_page(client, name, own).status_code == 403, name
            else:
                assert request_page(client, name, own).status_code == 200, name
    assert own.customer.contacts.count() == 2
