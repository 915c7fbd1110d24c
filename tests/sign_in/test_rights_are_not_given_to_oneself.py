"""A request changes only the fields of its form or schema: nobody gives themselves rights by adding one."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tests.api.calls import Caller, problem

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


@pytest.mark.parametrize("field", ["sandbox", "number", "balance", "seller_id", "pk", "created_at"])
def test_an_unknown_field_of_the_api_is_refused(field):
    body = {"id": "acme", "legal_name": "Acme", "country": "DE", field: "1"}

    errors = problem(Caller().post("/customers", body), 400, "invalid-fields")
    assert field in str(errors)


def test_a_parameter_given_twice_is_refused():
    problem(Caller().get("/customers?limit=1&limit=100"), 400, "invalid-fields")
