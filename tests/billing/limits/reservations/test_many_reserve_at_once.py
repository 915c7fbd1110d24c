"""Whoever comes at the same moment, no more is let through than the limit."""

from decimal import Decimal

import pytest

from billing.limits.check import check
from billing.limits.reservations import commit, reserve
from billing.limits.reservations.admission import report_usage
from billing.limits.reservations.errors import LimitReached
from billing.metering.ingest.parser import MAX_AGE, MAX_AHEAD, parse_events
from billing.models import Counter, Reservation
from tests.billing.limits.reservations.world import MINUTE, NOW, capped_customer, prepaid_customer
from tests.races import together

pytestmark = pytest.mark.django_db(transaction=True)


def let_through(action):
    try:
        return action()
    except LimitReached:
        return None


def ask_and_reserve(feature, number):
    """Check, and reserve if that says so, as a product does."""

    def act():
        if not check(customer="acme", feature=feature, quantity=Decimal(1), sandbox=False, at=NOW).allowed:
            return None
        arguments = {"customer": "acme", "feature": feature, "quantity": Decimal(1), "sandbox": False}
        return let_through(lambda: reserve(**arguments, reference=f"run-{number}", at=NOW, duration=MINUTE))

    return act


@pytest.mark.parametrize("feature", ["messages", "runs"])
def test_forty_at_once_get_what_twenty_may_have(feature, clean_books):
    if feature == "messages":
        capped_customer(most=20)
    else:
        prepaid_customer(balance=20)

    made = [one for one in together(*[ask_and_reserve(feature, n) for n in range(40)]) if one]

    assert len(made) == Reservation.objects.count() == 20


def test_commits_reports_and_reservations_never_pass_the_cap_together(clean_books):
    capped_customer(most=30)

    def use(number):
        def act():
            arguments = {"customer": "acme", "feature": "messages", "quantity": Decimal(2), "sandbox": False}
            made = let_through(lambda: reserve(**arguments, reference=f"run-{number}", at=NOW, duration=MINUTE))
            return made and commit(reservation_id=made[0].pk, quantity=Decimal(1 + number % 2), at=NOW)

        return act

    def tell(number):
        """Report one message if the limits let it in."""
        body = b'{"id":"m%d","customer":"acme","event":"messages","timestamp":"%s"}' % (
            number,
            NOW.isoformat().encode(),
        )
        events, _, _ = parse_events(body, sandbox=False, at=NOW, oldest=NOW - MAX_AGE, newest=NOW + MAX_AHEAD)
        return lambda: let_through(lambda: report_usage(events=events, sandbox=False, at=NOW))

    together(*[use(n) for n in range(20)], *[tell(n) for n in range(20)])

    left = 30 - sum(Counter.objects.values_list("quantity", flat=True))
    assert left >= 0
    assert [bool(tell(100 + n)()) for n in range(int(left) + 1)] == [True] * int(left) + [False]
