"""What is asked of Stripe is answered to whoever asked, to the end, and what befalls a request has a name of ours."""

import multiprocessing
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from invoices.payments.providers import stripe
from invoices.payments.providers.protocol import Misconfigured


@pytest.fixture
def charges(at_stripe):
    """Let 120 payments have been made within this hour."""
    facts = {"amount": 100, "currency": "eur", "status": "succeeded", "last_payment_error": None}
    return [at_stripe.make("pi", "payment_intent", **facts)["id"] for _ in range(120)]


def seen():
    now = timezone.now()
    return stripe.Stripe().list_records(now - timedelta(hours=1), now + timedelta(hours=1))


def test_a_long_list_is_read_to_its_end(charges):
    assert [one.ref for one in seen()] == charges[::-1]


def test_what_befalls_a_later_page_is_told_as_for_the_first(charges, stripe_server):
    read = seen()
    next(read)
    stripe_server.secret_key = "another"
    with pytest.raises(Misconfigured, match="refuses our key"):
        list(read)


def test_a_forked_process_asks_over_a_connection_of_its_own(charges):
    next(seen())
    mine = stripe._client()

    def compare():
        assert stripe._client() is not mine
        sys.exit(7 if len(list(seen())) == 120 else 1)

    child = multiprocessing.get_context("fork").Process(target=compare)
    child.start()
    child.join(60)
    assert (child.exitcode, stripe._client()) == (7, mine)
