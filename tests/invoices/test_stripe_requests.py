"""
Requests to Stripe: lists are read to the end, each process has its own connection, and errors have our own types.
"""

import multiprocessing
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from invoices.payments.providers import stripe
from invoices.payments.providers.protocol import Misconfigured


@pytest.fixture
def charges(at_stripe):
    """Create 120 payments within this hour."""
    facts = {"amount": 100, "currency": "eur", "status": "succeeded", "last_payment_error": None}
    return [at_stripe.make("pi", "payment_intent", **facts)["id"] for _ in range(120)]


def list_payments():
    now = timezone.now()
    return stripe.Stripe().list_records(now - timedelta(hours=1), now + timedelta(hours=1))


def test_a_long_list_is_read_to_its_end(charges):
    assert [payment.ref for payment in list_payments()] == charges[::-1]


def test_an_error_on_a_later_page_is_raised_as_on_the_first(charges, stripe_server):
    read = list_payments()
    next(read)
    stripe_server.secret_key = "another"
    with pytest.raises(Misconfigured, match="rejects the configured key"):
        list(read)


def test_a_forked_process_has_its_own_connection(charges):
    next(list_payments())
    parents_client = stripe.Stripe()._client()

    def compare():
        assert stripe.Stripe()._client() is not parents_client
        sys.exit(7 if len(list(list_payments())) == 120 else 1)

    child = multiprocessing.get_context("fork").Process(target=compare)
    child.start()
    child.join(60)
    assert (child.exitcode, stripe.Stripe()._client()) == (7, parents_client)
