"""Lists: newest first, in bounded pages that stay consistent while rows are added and removed."""

import pytest

from customers.models import Customer
from tests.api.calls import faults
from tests.builders import make_customer


@pytest.fixture
def seven(seller):
    return [make_customer(f"c{number}", seller=seller) for number in range(1, 8)]


def page(caller, **query):
    payload = caller.get("/customers", **query).json()
    return [entry["id"] for entry in payload["data"]], payload["next_cursor"]


def test_a_page_leads_to_the_next_until_the_last(live, seven):
    first, cursor = page(live, limit=3)
    second, cursor = page(live, limit=3, cursor=cursor)
    third, end = page(live, limit=3, cursor=cursor)

    assert (first, second, third) == (["c7", "c6", "c5"], ["c4", "c3", "c2"], ["c1"])
    assert end is None


def test_a_page_that_is_just_full_is_the_last(live, seven):
    assert page(live, limit=7)[1] is None


def test_a_row_added_between_pages_shifts_nothing(live, seven, seller):
    _, cursor = page(live, limit=3)
    make_customer("new", seller=seller)

    assert page(live, limit=3, cursor=cursor)[0] == ["c4", "c3", "c2"]


def test_a_row_removed_between_pages_hides_nothing(live, seven):
    _, cursor = page(live, limit=3)
    Customer.objects.filter(external_id__in=["c5", "c7"]).delete()

    assert page(live, limit=3, cursor=cursor)[0] == ["c4", "c3", "c2"]


def test_fifty_rows_are_a_page(live, seller):
    for number in range(51):
        make_customer(f"c{number}", seller=seller)

    assert len(page(live)[0]) == 50


@pytest.mark.parametrize("limit", ["0", "201", "-1", "", "ten", "1.0", "1e2", "١٢", " 5", "9" * 30])
def test_a_limit_out_of_bounds_is_refused(live, limit):
    assert faults(live.get("/customers", limit=limit)) == {"limit": "invalid"}


@pytest.mark.parametrize("cursor", ["", "1", "MTox", "MTp4", "MjoxMg", "=====", "é", "x" * 500, "MTotMQ"])
def test_an_invalid_cursor_is_rejected(live, cursor):
    if cursor == "MTox":  # 1:1 is a valid cursor
        assert live.get("/customers", cursor=cursor).status_code == 200
    else:
        assert faults(live.get("/customers", cursor=cursor)) == {"cursor": "invalid"}


def test_a_parameter_that_does_not_exist_is_refused(live):
    answer = live.get("/subscriptions", custmer="acme")
    assert faults(answer) == {"custmer": "unknown"}
    known = "known parameters are cursor, customer, limit, metadata[…], plan, state, tag"
    assert answer.json()["errors"][0]["detail"].endswith(known)


def test_a_state_that_does_not_exist_is_refused(live):
    assert faults(live.get("/invoices", state="lost")) == {"state": "invalid"}


@pytest.mark.parametrize("count", [1, 8])
def test_a_page_takes_as_many_queries_for_any_length(live, offered, django_assert_num_queries, count):
    offered(count)

    for path, queries in {"/customers": 2, "/invoices": 2, "/subscriptions": 6, "/plans": 11}.items():
        with django_assert_num_queries(queries):
            assert len(live.get(path).json()["data"]) == count, path
