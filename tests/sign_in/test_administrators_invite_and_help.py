"""An administrator invites users by email, signs them out, and removes second factors that they have lost."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.test import Client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PASSWORD = "calm-and-quick-7"


@pytest.fixture
def root():
    user = User.objects.create_superuser("root", "root@tollbook.example", PASSWORD)
    client = Client()
    client.force_login(user)
    return client


def sign_in(name, password=PASSWORD):
    client = Client()
    client.post("/admin/account/sign-in/", {"login": name, "password": password})
    return client


def is_signed_in(client):
    return client.get("/admin/").status_code == 200


def add_user(root, **fields):
    support = Group.objects.get(name="support")
    form = {"username": "ann", "first_name": "Ann", "last_name": "Ash", "email": "ann@tollbook.example"}
    inline = {"staff_sellers-TOTAL_FORMS": "0", "staff_sellers-INITIAL_FORMS": "0"}
    return root.post("/admin/auth/user/add/", form | inline | {"groups": [str(support.pk)]} | fields)


def test_an_invited_user_chooses_a_password_once(root):
    assert add_user(root).status_code == 302
    ann = User.objects.get(username="ann")
    assert (ann.is_staff, ann.is_superuser, ann.has_usable_password()) == (True, False, False)
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["ann@tollbook.example"], "Your Tollbook account")
    assert "root gives you access" in message.body
    assert "Your username is ann." in message.body

    (link,) = re.findall(r"http://testserver(\S+)", message.body)
    visitor = Client()
    form_url = visitor.get(link)["Location"]
    assert visitor.post(form_url, {"password1": PASSWORD, "password2": PASSWORD})["Location"].endswith("/changed/")

    assert is_signed_in(sign_in("ann"))
    assert "Location" not in Client().get(link)  # the link was used


def test_an_invitation_needs_a_mailbox(root):
    response = add_user(root, email="")

    assert response.status_code == 200
    assert not User.objects.filter(username="ann").exists()


def test_a_mail_server_that_is_down_loses_no_user(root, monkeypatch):
    monkeypatch.setattr(
        "django.core.mail.EmailMessage.send", lambda *_: (_ for _ in ()).throw(OSError("connection refused"))
    )
    response = add_user(root)

    page = root.get(response["Location"]).text
    assert "The invitation could not be sent (connection refused)" in page
    assert User.objects.filter(username="ann").exists()


def test_a_link_to_choose_a_password_can_be_mailed_again(root):
    ann = User.objects.create_user("ann", "ann@tollbook.example", is_staff=True)

    root.post(f"/admin/auth/user/{ann.pk}/mail_password_link/")

    assert [message.to for message in mail.outbox] == [["ann@tollbook.example"]]


def test_all_sessions_of_a_user_end(root):
    ann = User.objects.create_user("ann", "ann@tollbook.example", PASSWORD, is_staff=True)
    first, second = sign_in("ann"), sign_in("ann")
    assert is_signed_in(first)
    assert is_signed_in(second)

    root.post(f"/admin/auth/user/{ann.pk}/end_sessions/")

    assert not is_signed_in(first)
    assert not is_signed_in(second)
    assert not UserSession.objects.filter(user=ann).exists()


def test_lost_second_factors_are_removed_for_a_reason(root):
    ann = User.objects.create_user("ann", "ann@tollbook.example", PASSWORD, is_staff=True)
    session = sign_in("ann")
    Authenticator.objects.create(user=ann, type=Authenticator.Type.TOTP, data={"secret": "x"})

    root.post(f"/admin/auth/user/{ann.pk}/remove_second_factors/")
    assert Authenticator.objects.filter(user=ann).exists()
    root.post(f"/admin/auth/user/{ann.pk}/remove_second_factors/", {"_reason": "Called back on the known number."})

    assert not Authenticator.objects.filter(user=ann).exists()
    assert not is_signed_in(session)
    history = root.get(f"/admin/auth/user/{ann.pk}/history/").text
    assert "was helped by an administrator, Remove second factors" in history
    assert "Called back on the known number." in history


def test_nobody_types_another_persons_password(root):
    ann = User.objects.create_user("ann", "ann@tollbook.example", is_staff=True)

    assert root.get(f"/admin/auth/user/{ann.pk}/password/").status_code in (302, 404)
    assert 'name="password' not in root.get(f"/admin/auth/user/{ann.pk}/change/").text


def test_only_superusers_change_superusers(root):
    """A new mailbox and a link to choose a password would be a way to become one."""
    ann = User.objects.create_user("ann", "ann@tollbook.example", is_staff=True)
    ann.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client = Client()
    client.force_login(ann)
    target = User.objects.get(username="root")

    client.post(f"/admin/auth/user/{target.pk}/change/", {"username": "root", "email": "ann@tollbook.example"})
    for action in ("mail_password_link", "end_sessions", "remove_second_factors"):
        assert client.post(f"/admin/auth/user/{target.pk}/{action}/", {"_reason": "x"}).status_code == 403

    target.refresh_from_db()
    assert (target.email, mail.outbox) == ("root@tollbook.example", [])


def test_pages_of_second_factors_and_tokens_are_not_in_the_admin(root):
    for path in (
        "mfa/authenticator/",
        "account/emailaddress/",
        "socialaccount/socialtoken/",
        "usersessions/usersession/",
    ):
        assert root.get(f"/admin/{path}").status_code in (302, 404)
