"""What is reserved is there for whoever reserved it and for nobody else, until it is committed, released, or over."""

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
from tests.billing.limits.reservations.world import (
    MINUTE,
    NOW,
    ask,
    capped_customer,
    hold,
    keyed_customer,
    prepaid_customer,
    used,
)
from tests.builders import cap

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clean_books")]


def counted():
    return sum(Counter.objects.values_list("quantity", flat=True))


def left(wallet):
    wallet.refresh_from_db()
    return wallet.balance, sum(lot.held for lot in wallet.lots.all())


def test_what_is_reserved_is_not_left_for_others():
    capped_customer(most=100)
    hold("run-1", 60)

    assert ask(40).allowed
    answer = ask(41)
    assert (answer.reason, answer.reserved, answer.remaining) == (CAP_REACHED, 60, 40)
    with pytest.raises(LimitReached) as refused:
        hold("run-2", 41)
    assert refused.value.answer.remaining == 40


def test_a_commit_counts_what_was_used_and_gives_the_rest_back():
    capped_customer(most=100)
    made = hold("run-1", 60)

    done = commit(reservation_id=made.pk, quantity=D(15), at=NOW)

    assert (done.state, done.used, counted()) == ("committed", 15, 15)
    assert ask().remaining == 85


def test_a_commit_of_more_goes_as_far_as_the_cap():
    capped_customer(most=100)
    made = hold("run-1", 10)
    hold("run-2", 80)

    with pytest.raises(LimitReached):
        commit(reservation_id=made.pk, quantity=D(21), at=NOW)
    assert counted() == 0
    assert Reservation.objects.get(pk=made.pk).state == "open"
    assert commit(reservation_id=made.pk, quantity=D(20), at=NOW).used == 20


def test_a_repeat_answers_as_the_first_and_another_is_a_conflict():
    capped_customer()
    made = hold("run-1", 10)

    assert hold("run-1", 10).pk == made.pk
    with pytest.raises(ReservationConflict):
        hold("run-1", 11)
    commit(reservation_id=made.pk, quantity=D(4), at=NOW)
    assert commit(reservation_id=made.pk, quantity=D(4), at=NOW + 2 * MINUTE).used == 4
    with pytest.raises(ReservationConflict):
        commit(reservation_id=made.pk, quantity=D(5), at=NOW)
    assert (counted(), Event.objects.count()) == (4, 4)


def test_what_is_released_is_there_again():
    capped_customer(most=10)
    made = hold("run-1", 10)

    release(reservation_id=made.pk, at=NOW)
    release(reservation_id=made.pk, at=NOW)

    assert ask(10).allowed
    with pytest.raises(ReservationNotOpen, match="released"):
        commit(reservation_id=made.pk, at=NOW)


def test_what_is_over_is_given_back_by_itself():
    wallet = prepaid_customer(balance=10)
    made = hold("run-1", 10, feature="runs")
    over = NOW + MINUTE
    with pytest.raises(ReservationNotOpen, match="over"):
        commit(reservation_id=made.pk, at=over)

    assert lapse_due(at=over) == 1
    assert lapse_due(at=over) == 0

    assert left(wallet) == (10, 0)
    assert ask(10, feature="runs", at=over).allowed


def test_a_wallet_keeps_what_a_reservation_may_cost_and_pays_what_was_used():
    wallet = prepaid_customer(balance=100)
    made = hold("run-1", 5, feature="runs", properties={"kind": "complex"})
    assert left(wallet) == (100, 50)
    assert ask(51, feature="runs").reason == WALLET_EMPTY

    commit(reservation_id=made.pk, quantity=D(3), at=NOW)

    assert left(wallet) == (70, 0)


def test_a_wallet_refuses_what_it_has_not():
    wallet = prepaid_customer(balance=10)

    with pytest.raises(LimitReached) as refused:
        hold("run-1", 11, feature="runs")
    assert (refused.value.answer.reason, refused.value.answer.funds.available) == (WALLET_EMPTY, 10)

    made = hold("run-2", 10, feature="runs")
    with pytest.raises(LimitReached):
        commit(reservation_id=made.pk, quantity=D(11), at=NOW)
    assert left(wallet) == (10, 10)


def test_grace_goes_as_far_as_it_may_owe():
    prepaid_customer(balance=10, at_zero="grace", grace=5)

    assert ask(15, feature="runs").allowed
    assert not ask(16, feature="runs").allowed
    hold("run-1", 15, feature="runs")
    assert not ask(1, feature="runs").allowed


def test_nothing_used_is_nothing_told():
    wallet = prepaid_customer(balance=10)
    made = hold("run-1", 10, feature="runs")

    assert commit(reservation_id=made.pk, quantity=D(0), at=NOW).used == 0

    assert left(wallet) == (10, 0)
    assert not Event.objects.exists()


def test_the_callers_own_events_are_stored_instead():
    capped_customer()
    made = hold("run-1", 10)
    body = b'[{"id":"m1","customer":"acme","event":"messages"},{"id":"m2","customer":"acme","event":"messages"}]'

    assert commit(reservation_id=made.pk, events=body, at=NOW).used == 2
    assert commit(reservation_id=made.pk, events=body, at=NOW).used == 2

    assert counted() == 2


def test_events_of_somebody_else_are_refused():
    capped_customer()
    made = hold("run-1", 10)

    with pytest.raises(ReservationRefused, match="another customer"):
        commit(reservation_id=made.pk, events=b'{"id":"m1","customer":"other","event":"messages"}', at=NOW)


def test_a_cap_that_stops_keeps_room_for_what_is_reserved():
    acme = capped_customer()
    cap(acme, 10, at=NOW, action="stop")
    used("calls", 10)
    made = hold("run-1", 6, feature="calls")  # 5 + 3 of 10

    assert ask(4, feature="calls").allowed
    answer = ask(5, feature="calls")
    assert (answer.reason, answer.reached_cap.spent) == (SPEND_CAP_REACHED, 8)
    with pytest.raises(LimitReached):
        commit(reservation_id=made.pk, quantity=D(11), at=NOW)
    assert commit(reservation_id=made.pk, quantity=D(10), at=NOW).used == 10
    assert ask(1, feature="calls").reason == SPEND_CAP_REACHED


def test_a_cap_that_slows_down_lets_through_and_says_how_long_to_wait():
    acme = capped_customer()
    cap(acme, 10, at=NOW, action="throttle", per_minute=30)
    used("calls", 19)

    assert ask(1, feature="calls").retry_after is None
    answer = ask(2, feature="calls")
    assert (answer.allowed, answer.retry_after) == (True, 2)


def test_a_cap_that_only_notifies_stops_nobody():
    acme = capped_customer()
    cap(acme, 10, at=NOW)
    used("calls", 100)

    assert ask(100, feature="calls").allowed


def test_a_budget_for_one_value_stops_that_value_alone():
    acme = keyed_customer()
    set_cap(subscription=acme, match={"key": "k1"}, amount=D(1), action="stop", at=NOW)

    assert ask(2, feature="tokens", properties={"key": "k1"}).allowed
    hold("run-1", 2, feature="tokens", properties={"key": "k1"})
    assert ask(1, feature="tokens", properties={"key": "k1"}).reason == SPEND_CAP_REACHED
    assert ask(100, feature="tokens", properties={"key": "k2"}).allowed


def test_a_customers_cap_stops_every_subscription():
    acme = keyed_customer()
    set_cap(customer=acme.customer, amount=D(1), action="stop", at=NOW)

    hold("run-1", 2, feature="tokens")

    assert ask(1, feature="tokens").reason == SPEND_CAP_REACHED
    assert ask(1, feature="mails").reason == SPEND_CAP_REACHED
