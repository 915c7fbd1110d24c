"""
A user who needs a second factor opens nothing without it, on any route: docs/security.md#second-factor.
"""

import re
from contextlib import suppress
from uuid import UUID

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import Resolver404, resolve

from access.sign_in.second_factor import OPEN_VIEWS, SETUP_VIEWS
from tests.access.routes import routes

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_GROUPS = ["all"]


@pytest.fixture
def ann():
    return User.objects.create_superuser("ann", "ann@tollbook.example", "calm-and-quick-7")


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("has_factor", [False, True])
def test_every_route_leads_to_the_page_that_asks_for_it(required, ann, has_factor):
    if has_factor:
        Authenticator.objects.create(user=ann, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client, asked = client_of(ann), "/admin/account/confirm/code/" if has_factor else "/admin/account/second-factor/"

    opened, requested = {}, 0
    for address, view_name in addresses():
        if view_name in OPEN_VIEWS or (not has_factor and view_name in SETUP_VIEWS):
            continue
        for method in ("GET", "POST"):
            response = client.generic(method, address)
            requested += 1
            if not response.get("Location", "").startswith(asked):
                opened[f"{method} {address}"] = response.status_code

    assert opened == {}
    assert requested > 800


NAMED = {"since": "2026-04-01", "until": "2026-04-30", "kind": "csv", "uidb36": "1"}
"""Parameters that need a certain value."""


def addresses():
    """Yield (address, view's name) of each route, with parameters that its pattern accepts."""
    for route in routes():
        for value in ("1", "2026-04", "sso", "a" * 43, str(UUID(int=1)), "finance"):
            address = "/" + re.sub(r"<(\w+)>", lambda match, value=value: NAMED.get(match[1], value), route.path)
            with suppress(Resolver404):
                yield address, resolve(address).view_name
                break
        else:
            pytest.fail(f"No value fits {route.path}")


def test_a_session_confirmed_by_a_code_opens_everything(required, ann):
    client = client_of(ann)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1}, {"method": "mfa", "at": 1}]
    session["account_authentication_methods_user"] = str(ann.pk)
    session.save()

    assert client.get("/admin/").status_code == 200


REQUIRED = [
    # setting             group      superuser  needs one
    ([], "finance", True, False),
    (["all"], "support", False, True),
    (["finance"], "finance", False, True),
    (["finance"], "support", False, False),
    (["finance"], "support", True, True),
]


@pytest.mark.parametrize(("groups", "group", "is_superuser", "needs_one"), REQUIRED)
def test_the_setting_decides_by_group(settings, groups, group, is_superuser, needs_one):
    settings.SECOND_FACTOR_GROUPS = groups
    user = User.objects.create(username="bob", is_staff=True, is_superuser=is_superuser)
    user.groups.add(Group.objects.get(name=group))

    assert (client_of(user).get("/admin/").status_code == 302) is needs_one


def test_single_sign_on_counts_only_if_its_provider_asks_for_one(settings, required, ann):
    client = client_of(ann)
    session = client.session
    session["account_authentication_methods"] = [{"method": "socialaccount", "at": 1}]
    session["account_authentication_methods_user"] = str(ann.pk)
    session.save()
    assert client.get("/admin/").status_code == 302

    settings.OIDC_HAS_SECOND_FACTOR = True

    assert client.get("/admin/").status_code == 200
