"""Every page shows the customer's own, and answers 404 for what is another's; whoever is not signed in sees none."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.portal.world import Account

pytestmark = pytest.mark.django_db

Numbers = Callable[[Account], dict[str, Any]]


def nothing(of: Account) -> dict[str, Any]:
    return {}


def wallet(of: Account) -> dict[str, Any]:
    return {"number": of.wallet.pk}


def invoice(of: Account) -> dict[str, Any]:
    return {"number": of.invoice.pk}


def line(of: Account) -> dict[str, Any]:
    return {"number": of.invoice.pk, "position": of.line.position}


def statement(of: Account) -> dict[str, Any]:
    return {**wallet(of), "since": date(2026, 2, 1), "until": date(2026, 2, 10), "kind": "csv"}


PAGES: dict[str, tuple[str, Numbers]] = {
    # name                        method  what of an account it is of
    "portal_overview": ("GET", nothing),
    "portal_usage": ("GET", nothing),
    "portal_usage_table": ("GET", nothing),
    "portal_limits": ("GET", nothing),
    "portal_set_budget": ("POST", nothing),
    "portal_remove_budget": ("POST", lambda of: {"number": of.budget}),
    "portal_set_cap": ("POST", nothing),
    "portal_remove_cap": ("POST", lambda of: {"number": of.cap}),
    "portal_plan": ("GET", nothing),
    "portal_change_plan": ("GET", lambda of: {"number": of.subscription.pk}),
    "portal_invoices": ("GET", nothing),
    "portal_invoice": ("GET", invoice),
    "portal_invoice_file": ("GET", invoice),
    "portal_pay": ("GET", invoice),
    "portal_invoice_table": ("GET", invoice),
    "portal_line_events": ("GET", line),
    "portal_line_events_table": ("GET", line),
    "portal_wallets": ("GET", nothing),
    "portal_wallet": ("GET", wallet),
    "portal_statement": ("GET", statement),
    "portal_top_up": ("GET", wallet),
    "portal_auto_top_up": ("GET", wallet),
    "portal_remove_auto_top_up": ("POST", wallet),
    "portal_details": ("GET", nothing),
    "portal_add_contact": ("POST", nothing),
    "portal_remove_contact": ("POST", lambda of: {"number": of.colleague.pk}),
}
EVERYBODYS = {"portal_change_plan"}
"""Pages of the price list."""

OPEN = {"portal_sign_in", "portal_mailed", "portal_enter", "portal_sign_out"}
"""Pages before somebody is signed in."""


def patterns(found=None) -> Iterator[URLPattern]:
    for one in get_resolver().url_patterns if found is None else found:
        if isinstance(one, URLResolver) and (found is not None or str(one.pattern) == "portal/"):
            yield from patterns(one.url_patterns)
        elif isinstance(one, URLPattern) and found is not None:
            yield one


def ask(client: Client, name: str, of: Account):
    method, numbers = PAGES[name]
    return client.generic(method, reverse(name, kwargs=numbers(of)))


def text_of(answer) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode(errors="replace")


def test_the_table_has_every_page():
    names = {pattern.name for pattern in patterns()}

    assert names == set(PAGES) | OPEN
    assert all(hasattr(pattern.callback, "is_of_a_customer") for pattern in patterns() if pattern.name not in OPEN)


def test_whoever_is_not_signed_in_is_sent_to_sign_in(own):
    for name in PAGES:
        answer = ask(Client(), name, own)
        assert (answer.status_code, answer["Location"]) == (302, "/portal/sign-in"), name
        assert "no-store" in answer["Cache-Control"], name


def test_pages_show_ones_own_and_nothing_of_another(own, foreign):
    client = own.client()
    for name, (method, numbers) in PAGES.items():
        if method == "POST":
            continue
        answer = ask(client, name, own)
        assert answer.status_code == 200, name
        told = text_of(answer)
        if answer["Content-Type"].startswith("text/html"):
            assert own.word in told.lower(), name
        if name not in EVERYBODYS:
            assert foreign.word not in told.lower(), name
        assert "no-store" in answer["Cache-Control"], name
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy, name
        assert "unsafe" not in policy, name
        if numbers is not nothing:
            assert ask(client, name, foreign).status_code == 404, name


def test_nothing_is_done_to_what_is_anothers(own, foreign):
    client = own.client()
    for name, (method, numbers) in PAGES.items():
        if method == "POST" and numbers is not nothing:
            assert ask(client, name, foreign).status_code == 404, name
            assert ask(client, name, own).status_code == 303, name
    foreign.contact.refresh_from_db()
    assert foreign.customer.contacts.count() == 2
    assert foreign.customer.spend_caps.count() == 1
    assert foreign.customer.alert_rules.filter(removed_at__isnull=True).count() == 1


def test_whoever_looks_only_changes_nothing(own):
    for client in (own.client(looks=True), own.client(contact=own.colleague)):
        for name, (method, _) in PAGES.items():
            if method == "POST":
                assert ask(client, name, own).status_code == 403, name
            else:
                assert ask(client, name, own).status_code == 200, name
    assert own.customer.contacts.count() == 2
