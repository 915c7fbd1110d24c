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


def test_a_repeat_gets_the_first_response(live, seller):
    first, repeated = create(live), create(live)

    assert first.status_code == repeated.status_code == 201
    assert first.content == repeated.content
    assert repeated["Content-Type"] == first["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert repeated["Idempotent-Replayed"] == "true"
    assert Customer.objects.count() == 1


def test_a_repeat_gets_the_first_response_after_other_changes(live, seller):
    first = create(live)
    live.patch("/customers/acme", {"legal_name": "Renamed"})

    assert create(live).json() == first.json()


def test_the_order_of_a_bodys_keys_does_not_matter(live, seller):
    create(live)

    assert create(live, body=dict(reversed(BODY.items()))).status_code == 201


@pytest.mark.parametrize("other", [BODY | {"id": "other"}, BODY | {"city": "Berlin"}])
def test_another_body_is_refused(live, seller, other):
    create(live)

    error = problem(create(live, body=other), 422, "idempotency-key-reused")

    assert "order-1" in error["detail"]
    assert Customer.objects.count() == 1


def test_another_address_is_refused(live, seller):
    create(live)

    problem(live.post("/subscriptions", BODY, Idempotency_Key="order-1"), 422, "idempotency-key-reused")


def test_an_error_is_not_stored_so_that_the_request_can_be_corrected(live, seller):
    rejected = create(live, body=BODY | {"country": "Germany"})

    assert rejected.status_code == 400
    assert create(live).status_code == 201


def test_the_same_key_of_two_callers_is_two_keys(live, sandbox, seller):
    assert create(live).status_code == create(sandbox).status_code == 201
    assert Customer.objects.count() == 2


def test_without_a_key_each_request_is_independent(live, seller):
    assert live.post("/customers", BODY).status_code == 201
    problem(live.post("/customers", BODY), 409, "conflict")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b", "schlüssel"])
def test_a_key_has_1_to_255_visible_characters(live, seller, key):
    assert faults(create(live, key=key)) == {"Idempotency-Key": "invalid"}


def test_an_effect_that_fails_leaves_no_record(live, seller):
    create(live)
    problem(create(live, key="order-2"), 409, "conflict")

    assert list(IdempotentRequest.objects.values_list("key", flat=True)) == ["order-1"]


def test_an_effect_whose_response_can_not_be_stored_is_rolled_back(live, seller, monkeypatch):
    class Killed(BaseException):
        """An exception that no code catches, as if the process died there."""

    def die(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "_store_response", die)
        with pytest.raises(Killed):
            create(live)

    assert not Customer.objects.exists()
    assert create(live).status_code == 201


def test_responses_are_stored_for_a_day(live, seller):
    create(live)
    day = timedelta(hours=24)
    record = IdempotentRequest.objects.get()

    assert idempotency.purge(at=record.created_at + day) == 0
    assert idempotency.purge(at=record.created_at + day + timedelta(seconds=1)) == 1
    assert not IdempotentRequest.objects.exists()


def test_responses_are_stored_for_longer_if_the_setting_says_so(live, seller, settings):
    settings.IDEMPOTENCY_RETENTION_HOURS = 72
    create(live)
    record = IdempotentRequest.objects.get()

    assert idempotency.purge(at=record.created_at + timedelta(hours=72)) == 0
    assert idempotency.purge(at=record.created_at + timedelta(hours=73)) == 1


def test_old_responses_are_deleted_by_the_scheduled_task(live, seller):
    create(live)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(days=2))

    assert purge_idempotency_keys() == 1


@pytest.fixture
def racing(transactional_db):
    make_seller()
    return Caller()


def test_of_ten_racing_requests_one_takes_effect_and_all_get_its_response(racing):
    answers = together(*[lambda: create(racing)] * 10)

    assert [answer.status_code for answer in answers] == [201] * 10
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer for answer in answers) == 1
    assert Customer.objects.count() == 1


def test_of_two_racing_requests_with_different_bodies_one_is_rejected(racing):
    answers = together(lambda: create(racing), lambda: create(racing, body=BODY | {"city": "Berlin"}))

    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert Customer.objects.count() == 1


def test_a_request_that_waits_too_long_gets_a_retry_time(racing, monkeypatch):
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
