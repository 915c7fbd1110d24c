"""403, 404 and 500 for staff: in the frame, with the reason and the way out."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from config.error_pages import server_error


def test_a_missing_right_is_named_with_the_groups_that_have_it(member, db):
    answer = member("support").get(reverse("admin:billing_simulationresult_start"))
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "It needs the right" in page
    assert "finance" in page
    assert 'aria-label="Menu"' in page


@pytest.mark.parametrize("address", ["/admin/nowhere/", "/admin/help/secrets/"])
def test_a_wrong_address_keeps_the_frame(member, db, address):
    answer = member("support").get(address)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_others_learn_nothing(db):
    answer = Client().get("/nowhere/")
    assert answer.status_code == 404
    assert "Menu" not in answer.content.decode()


def test_an_error_needs_no_database():
    answer = server_error(RequestFactory().get("/admin/customers/customer/"))
    assert answer.status_code == 500
    assert "Nothing was saved" in answer.content.decode()
