"""Concurrent reservations, commits and reports never exceed the limit together."""

from decimal import Decimal

import pytest

from billing.limits.check import check
from billing.limits.reservations import commit, reserve
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, parse_events
from billing.models import Counter, Reservation
from tests.billing.limits.reservations.reservation_setup import MINUTE, NOW, capped_customer, prepaid_customer
from tests.clean_books import clean_after_test
from tests.races import together

clean_books = clean_after_test("limits", "usage", "wallets")

pytestmark = pytest.mark.django_db(transaction=True)


def or_none_at_the_limit(action):
    try:
        return action()
    except LimitReached:
        return None


def check_and_reserve(feature, number):
    """Return a function that checks, and reserves if the check allows it, as a product does."""

    def act():
        if not check(customer="acme", feature=feature, quantity=Decimal(1), sandbox=False, at=NOW).allowed:
            return None
        arguments = {"customer": "acme", "feature": feature, "quantity": Decimal(1), "sandbox": False}
        return or_none_at_the_limit(lambda: reserve(**arguments, reference=f"run-{number}", at=NOW, duration=MINUTE))

    return act


@pytest.mark.parametrize("feature", ["messages", "runs"])
def test_of_forty_concurrent_requests_twenty_are_admitted(feature, clean_books):
    if feature == "messages":
        capped_customer(most=20)
    else:
        prepaid_customer(balance=20)

    reservations = [
        reservation for reservation in together(*[check_and_reserve(feature, n) for n in range(40)]) if reservation
    ]

    assert len(reservations) == Reservation.objects.count() == 20


def test_commits_reports_and_reservations_never_exceed_the_cap_together(clean_books):
    capped_customer(most=30)

    def use(number):
        def act():
            arguments = {"customer": "acme", "feature": "messages", "quantity": Decimal(2), "sandbox": False}
            reservation = or_none_at_the_limit(
                lambda: reserve(**arguments, reference=f"run-{number}", at=NOW, duration=MINUTE)
            )
            return reservation and commit(reservation_id=reservation[0].pk, quantity=Decimal(1 + number % 2), at=NOW)

        return act

    def report(number):
        """Report one message if the limits admit it."""
        body = b'{"id":"m%d","customer":"acme","event":"messages","timestamp":"%s"}' % (
            number,
            NOW.isoformat().encode(),
        )
        events, _, _ = parse_events(body, sandbox=False, at=NOW, oldest=NOW - MAX_AGE, newest=NOW + MAX_AHEAD)
        return lambda: or_none_at_the_limit(lambda: report_usage(events=events, sandbox=False, at=NOW))

    together(*[use(n) for n in range(20)], *[report(n) for n in range(20)])

    remaining = 30 - sum(Counter.objects.values_list("quantity", flat=True))
    assert remaining >= 0
    assert [bool(report(100 + n)()) for n in range(int(remaining) + 1)] == [True] * int(remaining) + [False]
