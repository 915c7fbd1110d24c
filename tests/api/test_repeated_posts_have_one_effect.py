"""The same Idempotency-Key gives one effect and one answer, also when two requests race."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from customers.api_keys import idempotency
from customers.models import Customer, IdempotentRequest
from customers.tasks import purge_idempotency_keys
from tests.api.calls import NOW, Caller, faults, problem
from tests.builders import make_seller
from tests.races import PATIENCE, start, together

BODY = {"id": "acme", "legal_name": "Acme", "country": "DE"}


def create(caller, body=BODY, key="order-1"):
    return caller.post("/customers", body, Idempotency_Key=key)


def test_a_repeat_is_answered_as_the_first_time(live, seller):
    first, again = create(live), create(live)

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again["Content-Type"] == first["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Customer.objects.count() == 1


def test_a_repeat_is_answered_so_even_when_the_world_has_changed(live, seller):
    first = create(live)
    live.patch("/customers/acme", {"legal_name": "Renamed"})

    assert create(live).json() == first.json()


def test_the_order_of_a_bodys_keys_does_not_matter(live, seller):
    create(live)

    assert create(live, body=dict(reversed(BODY.items()))).status_code == 201


@pytest.mark.parametrize("other", [BODY | {"id": "other"}, BODY | {"city": "Berlin"}])
def test_another_body_is_refused(live, seller, other):
    create(live)

    told = problem(create(live, body=other), 422, "idempotency-key-reused")

    assert "order-1" in told["detail"]
    assert Customer.objects.count() == 1


def test_another_address_is_refused(live, seller):
    create(live)

    problem(live.post("/subscriptions", BODY, Idempotency_Key="order-1"), 422, "idempotency-key-reused")


def test_a_refusal_is_not_kept_so_that_it_can_be_corrected(live, seller):
    wrong = create(live, body=BODY | {"country": "Germany"})

    assert wrong.status_code == 400
    assert create(live).status_code == 201


def test_keys_of_two_callers_are_two(live, sandbox, seller):
    assert create(live).status_code == create(sandbox).status_code == 201
    assert Customer.objects.count() == 2


def test_without_a_key_each_request_stands_for_itself(live, seller):
    assert live.post("/customers", BODY).status_code == 201
    problem(live.post("/customers", BODY), 409, "conflict")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "schlüssel"])
def test_a_key_has_1_to_255_visible_characters(live, seller, key):
    assert faults(create(live, key=key)) == {"Idempotency-Key": "invalid"}


def test_an_effect_that_fails_leaves_no_record(live, seller):
    create(live)
    problem(create(live, key="order-2"), 409, "conflict")

    assert list(IdempotentRequest.objects.values_list("key", flat=True)) == ["order-1"]


def test_an_effect_whose_answer_cannot_be_kept_is_undone(live, seller, monkeypatch):
    class Killed(BaseException):
        """What no code catches on the way, as when the process dies there."""

    def die(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "_store_response", die)
        with pytest.raises(Killed):
            create(live)

    assert not Customer.objects.exists()
    assert create(live).status_code == 201


def test_answers_are_kept_for_a_day(live, seller):
    create(live)
    day = timedelta(hours=24)
    kept = IdempotentRequest.objects.get()

    assert idempotency.purge(at=kept.created_at + day) == 0
    assert idempotency.purge(at=kept.created_at + day + timedelta(seconds=1)) == 1
    assert not IdempotentRequest.objects.exists()


def test_old_answers_are_forgotten_by_the_clock(live, seller):
    create(live)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(days=2))

    assert purge_idempotency_keys() == 1


@pytest.fixture
def racing(transactional_db):
    make_seller()
    return Caller()


def test_of_ten_that_race_one_acts_and_all_get_its_answer(racing):
    answers = together(*[lambda: create(racing)] * 10)

    assert [answer.status_code for answer in answers] == [201] * 10
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer for answer in answers) == 1
    assert Customer.objects.count() == 1


def test_of_two_that_race_with_different_bodies_one_is_refused(racing):
    answers = together(lambda: create(racing), lambda: create(racing, body=BODY | {"city": "Berlin"}))

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert Customer.objects.count() == 1


def test_one_that_waits_too_long_is_told_to_come_back(racing, monkeypatch):
    monkeypatch.setattr(idempotency, "WAITS_FOR_SECONDS", 1)
    holding, tried = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            IdempotentRequest.objects.create(
                api_key=racing.key, key="order-1", request_sha256="0" * 64, created_at=NOW
            )
            holding.set()
            tried.wait(PATIENCE)
            transaction.set_rollback(True)

    first = start(hold)
    holding.wait(PATIENCE)
    waited = create(racing)
    tried.set()
    first.result()

    problem(waited, 409, "idempotency-key-in-use")
    assert int(waited["Retry-After"]) == 1
    assert create(racing).status_code == 201, "the one before it has failed, so this one may act"
