"""A request changes only the fields of its form or schema: nobody gives themselves rights by adding one."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from django.test import Client

from customers.models import Customer
from tests.api.calls import Caller, problem
from tests.builders import make_customer, make_seller

pytestmark = pytest.mark.django_db


def test_fields_of_rights_are_not_taken_from_a_form():
    ann = User.objects.create_user("ann", "ann@tollbook.example", is_staff=True)
    ann.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(ann)
    rights = {"is_superuser": "on", "groups": [str(Group.objects.get(name="finance").pk)], "user_permissions": ["1"]}
    inline = {"staff_sellers-TOTAL_FORMS": "0", "staff_sellers-INITIAL_FORMS": "0"}
    form = {"username": "ann", "first_name": "Ann", "last_name": "", "email": "a@b.example", "is_active": "on"}

    response = client.post(f"/admin/auth/user/{ann.pk}/change/", form | inline | rights | {"password": "x"})

    password = ann.password
    ann.refresh_from_db()
    assert (response.status_code, ann.first_name) == (302, "Ann")
    assert (ann.is_superuser, ann.groups.count(), ann.user_permissions.count()) == (False, 0, 2)
    assert ann.password == password


@pytest.mark.parametrize("field", ["pk", "erased_at", "seller_id"])
def test_fields_beyond_the_schema_of_the_api_are_refused(field):
    make_seller()
    body = {"id": "acme", "legal_name": "Acme", "country": "DE"}
    assert Caller().post("/customers", body | {"id": "other"}).status_code == 201, "without the field it is accepted"

    errors = problem(Caller().post("/customers", body | {field: "1"}), 400, "invalid-fields")["errors"]

    assert [error["field"] for error in errors] == [field]
    assert not Customer.objects.filter(external_id="acme").exists()


def test_fields_that_the_api_only_returns_are_ignored():
    make_seller()
    body = {"id": "acme", "legal_name": "Acme", "country": "DE"}

    response = Caller().post("/customers", body | {"sandbox": True, "created_at": "2001-01-01T00:00:00Z"})

    customer = Customer.objects.get(external_id="acme")
    assert (response.status_code, customer.sandbox, customer.created_at.year > 2001) == (201, False, True)


def test_parameters_of_the_query_and_the_body_are_not_mixed():
    make_seller()
    body = {"id": "acme", "legal_name": "Acme", "country": "DE"}

    assert Caller().post("/customers?id=evil&legal_name=Evil", body).status_code in (201, 400)

    assert not Customer.objects.filter(Q(external_id="evil") | Q(legal_name="Evil")).exists()


def test_of_a_parameter_given_twice_the_last_counts_everywhere():
    for number in range(3):
        make_customer(f"c{number}")

    for query, count in (("limit=1&limit=2", 2), ("limit=2&limit=1", 1)):
        assert len(Caller().get(f"/customers?{query}").json()["data"]) == count
