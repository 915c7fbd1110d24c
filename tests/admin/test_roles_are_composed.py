"""An administrator composes a role from permissions, and its members have these rights and no others."""

import pytest
from django.contrib.auth.models import Group, Permission, User

from tests.builders import make_customer

pytestmark = pytest.mark.django_db


def permission(name):
    app, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app, codename=codename)


def compose(client, name, rights):
    form = {"name": name, "permissions": [permission(right).pk for right in rights]}
    return client.post("/admin/auth/group/add/", form)


@pytest.fixture
def credit_desk(member):
    assert (
        compose(member("root"), "credit desk", ["customers.view_customer", "access.approve_grants"]).status_code
        == 302
    )
    return Group.objects.get(name="credit desk")


def rights_of(group):
    return {f"{p.content_type.app_label}.{p.codename}" for p in group.permissions.select_related("content_type")}


def test_a_role_has_the_chosen_permissions(credit_desk):
    assert rights_of(credit_desk) == {"customers.view_customer", "access.approve_grants"}


def test_its_page_shows_the_chosen_permissions_in_words(member, credit_desk):
    page = member("root").get(f"/admin/auth/group/{credit_desk.pk}/change/").content.decode()
    chosen = permission("access.approve_grants")
    assert f'value="{chosen.pk}" checked' in page
    assert "Can approve other users&#x27; requests: grants of credits" in page
    assert page.count(" checked") == 2


def test_a_permission_that_the_table_does_not_offer_is_kept(member, credit_desk):
    odd = permission("contenttypes.view_contenttype")
    credit_desk.permissions.add(odd)
    form = {"name": "credit desk", "permissions": [permission("customers.view_customer").pk]}
    member("root").post(f"/admin/auth/group/{credit_desk.pk}/change/", form)
    assert rights_of(credit_desk) == {"customers.view_customer", "contenttypes.view_contenttype"}


def test_its_member_sees_those_rows_and_no_others(client, credit_desk):
    user = User.objects.create_user("cora", is_staff=True)
    user.groups.set([credit_desk])
    client.force_login(user)
    customer = make_customer("acme")
    assert client.get(f"/admin/customers/customer/{customer.pk}/change/").status_code == 200
    assert client.post(f"/admin/customers/customer/{customer.pk}/change/", {}).status_code == 403
    assert client.get("/admin/invoices/invoice/").status_code == 403
    assert "/admin/invoices/invoice/" not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("right", ["add_group", "change_group", "delete_group"])
def test_only_superusers_change_roles(client, credit_desk, right):
    user = User.objects.create_user("gus", is_staff=True)
    user.user_permissions.set([permission(f"auth.{right}"), permission("auth.view_group")])
    client.force_login(user)
    page = f"/admin/auth/group/{credit_desk.pk}"
    assert compose(client, "mine", ["plans.publish_planversion"]).status_code == 403
    assert client.post(f"{page}/change/", {"name": "mine"}).status_code == 403
    assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{page}/change/").status_code == 200
