"""Reserved units and credits are available only to their reservation, until it is committed, released or expired."""

from decimal import Decimal as D

import pytest

from billing.limits.check import CAP_REACHED, SPEND_CAP_REACHED, WALLET_EMPTY
from billing.limits.reservations import commit, lapse_due, release
from billing.limits.reservations.errors import (
    LimitReached,
    ReservationConflict,
    ReservationNotOpen,
    ReservationRefused,
)
from billing.limits.spend_caps import set_cap
from billing.models import Counter, Event, Reservation
from tests.billing.limits.reservations.reservation_setup import (
    MINUTE,
    NOW,
    capped_customer,
    check_usage,
    hold,
    keyed_customer,
    prepaid_customer,
    send_events,
)
from tests.builders import cap
from tests.clean_books import clean_after_test

clean_books = clean_after_test("limits", "usage", "wallets")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def counted():
    return sum(Counter.objects.values_list("quantity", flat=True))


def balance_and_held(wallet):
    wallet.refresh_from_db()
    return wallet.balance, sum(lot.held for lot in wallet.lots.all())


def test_reserved_units_are_not_available_to_others():
    capped_customer(most=100)
    hold("run-1", 60)

    assert check_usage(40).allowed
    answer = check_usage(41)
    assert (answer.reason, answer.reserved, answer.remaining) == (CAP_REACHED, 60, 40)
    with pytest.raises(LimitReached) as refused:
        hold("run-2", 41)
    assert refused.value.answer.remaining == 40


def test_a_commit_counts_its_usage_and_releases_the_rest():
    capped_customer(most=100)
    reservation = hold("run-1", 60)

    done = commit(reservation_id=reservation.pk, quantity=D(15), at=NOW)

    assert (done.state, done.used, counted()) == ("committed", 15, 15)
    assert check_usage().remaining == 85


def test_a_commit_above_the_reservation_is_limited_by_the_cap():
    capped_customer(most=100)
    reservation = hold("run-1", 10)
    hold("run-2", 80)

    with pytest.raises(LimitReached):
        commit(reservation_id=reservation.pk, quantity=D(21), at=NOW)
    assert counted() == 0
    assert Reservation.objects.get(pk=reservation.pk).state == "open"
    assert commit(reservation_id=reservation.pk, quantity=D(20), at=NOW).used == 20


def test_a_repeated_reservation_returns_the_first_and_a_changed_one_conflicts():
    capped_customer()
    reservation = hold("run-1", 10)

    assert hold("run-1", 10).pk == reservation.pk
    with pytest.raises(ReservationConflict):
        hold("run-1", 11)
    commit(reservation_id=reservation.pk, quantity=D(4), at=NOW)
    assert commit(reservation_id=reservation.pk, quantity=D(4), at=NOW + 2 * MINUTE).used == 4
    with pytest.raises(ReservationConflict):
        commit(reservation_id=reservation.pk, quantity=D(5), at=NOW)
    assert (counted(), Event.objects.count()) == (4, 4)


def test_released_units_are_available_again():
    capped_customer(most=10)
    reservation = hold("run-1", 10)

    release(reservation_id=reservation.pk, at=NOW)
    release(reservation_id=reservation.pk, at=NOW)

    assert check_usage(10).allowed
    with pytest.raises(ReservationNotOpen, match="released"):
        commit(reservation_id=reservation.pk, at=NOW)


def test_an_expired_reservation_is_released_automatically():
    wallet = prepaid_customer(balance=10)
    reservation = hold("run-1", 10, feature="runs")
    over = NOW + MINUTE
    with pytest.raises(ReservationNotOpen, match="over"):
        commit(reservation_id=reservation.pk, at=over)

    assert lapse_due(at=over) == 1
    assert lapse_due(at=over) == 0

    assert balance_and_held(wallet) == (10, 0)
    assert check_usage(10, feature="runs", at=over).allowed


def test_a_wallet_holds_the_greatest_cost_and_pays_the_actual_usage():
    wallet = prepaid_customer(balance=100)
    reservation = hold("run-1", 5, feature="runs", properties={"kind": "complex"})
    assert balance_and_held(wallet) == (100, 50)
    assert check_usage(51, feature="runs").reason == WALLET_EMPTY

    commit(reservation_id=reservation.pk, quantity=D(3), at=NOW)

    assert balance_and_held(wallet) == (70, 0)


def test_a_wallet_rejects_a_reservation_above_its_balance():
    wallet = prepaid_customer(balance=10)

    with pytest.raises(LimitReached) as refused:
        hold("run-1", 11, feature="runs")
    assert (refused.value.answer.reason, refused.value.answer.funds.available) == (WALLET_EMPTY, 10)

    reservation = hold("run-2", 10, feature="runs")
    with pytest.raises(LimitReached):
        commit(reservation_id=reservation.pk, quantity=D(11), at=NOW)
    assert balance_and_held(wallet) == (10, 10)


def test_overdraft_is_limited_by_its_limit():
    prepaid_customer(balance=10, at_zero="grace", grace=5)

    assert check_usage(15, feature="runs").allowed
    assert not check_usage(16, feature="runs").allowed
    hold("run-1", 15, feature="runs")
    assert not check_usage(1, feature="runs").allowed


def test_a_commit_without_usage_stores_no_event():
    wallet = prepaid_customer(balance=10)
    reservation = hold("run-1", 10, feature="runs")

    assert commit(reservation_id=reservation.pk, quantity=D(0), at=NOW).used == 0

    assert balance_and_held(wallet) == (10, 0)
    assert not Event.objects.exists()


def test_a_commit_can_store_the_callers_events():
    capped_customer()
    reservation = hold("run-1", 10)
    body = b'[{"id":"m1","customer":"acme","event":"messages"},{"id":"m2","customer":"acme","event":"messages"}]'

    assert commit(reservation_id=reservation.pk, events=body, at=NOW).used == 2
    assert commit(reservation_id=reservation.pk, events=body, at=NOW).used == 2

    assert counted() == 2


def test_events_of_another_customer_are_rejected():
    capped_customer()
    reservation = hold("run-1", 10)

    with pytest.raises(ReservationRefused, match="is not the customer of the reservation"):
        commit(reservation_id=reservation.pk, events=b'{"id":"m1","customer":"other","event":"messages"}', at=NOW)


def test_a_spend_cap_includes_reserved_usage():
    acme = capped_customer()
    cap(acme, 10, at=NOW, action="stop")
    send_events("calls", 10)
    reservation = hold("run-1", 6, feature="calls")  # 5 + 3 of 10

    assert check_usage(4, feature="calls").allowed
    answer = check_usage(5, feature="calls")
    assert (answer.reason, answer.reached_cap.spent) == (SPEND_CAP_REACHED, 8)
    with pytest.raises(LimitReached):
        commit(reservation_id=reservation.pk, quantity=D(11), at=NOW)
    assert commit(reservation_id=reservation.pk, quantity=D(10), at=NOW).used == 10
    assert check_usage(1, feature="calls").reason == SPEND_CAP_REACHED


def test_a_throttling_cap_admits_usage_with_a_retry_time():
    acme = capped_customer()
    cap(acme, 10, at=NOW, action="throttle", per_minute=19)
    send_events("calls", 19)

    assert check_usage(1, feature="calls").retry_after is None
    answer = check_usage(2, feature="calls")
    assert (answer.allowed, answer.retry_after) == (True, 61)


def test_a_cap_that_only_notifies_rejects_nothing():
    acme = capped_customer()
    cap(acme, 10, at=NOW)
    send_events("calls", 100)

    assert check_usage(100, feature="calls").allowed


def test_a_cap_on_a_dimension_value_stops_only_that_value():
    acme = keyed_customer()
    set_cap(subscription=acme, match={"key": "k1"}, amount=D(1), action="stop", at=NOW)

    assert check_usage(2, feature="tokens", properties={"key": "k1"}).allowed
    hold("run-1", 2, feature="tokens", properties={"key": "k1"})
    assert check_usage(1, feature="tokens", properties={"key": "k1"}).reason == SPEND_CAP_REACHED
    assert check_usage(100, feature="tokens", properties={"key": "k2"}).allowed


def test_a_customers_cap_stops_every_subscription():
    acme = keyed_customer()
    set_cap(customer=acme.customer, amount=D(1), action="stop", at=NOW)

    hold("run-1", 2, feature="tokens")

    assert check_usage(1, feature="tokens").reason == SPEND_CAP_REACHED
    assert check_usage(1, feature="mails").reason == SPEND_CAP_REACHED
