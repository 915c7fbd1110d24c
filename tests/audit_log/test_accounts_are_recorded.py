"""Sign-ins, failed ones, sign-outs and changes of a password are recorded in the audit log."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from access.audit_log import seal_changes
from access.models import AccountEvent, AuditEntry

pytestmark = pytest.mark.django_db

PASSWORD = "calm-and-quick-7"


@pytest.fixture
def ann(settings):
    settings.SECOND_FACTOR_GROUPS = []
    return User.objects.create_user("ann", "ann@tollbook.example", PASSWORD, is_staff=True)


def enter(client, name="ann", password=PASSWORD):
    return client.post("/admin/account/sign-in/", {"login": name, "password": password})


def events():
    return list(AccountEvent.objects.order_by("pk").values_list("name", "kind", "way"))


def test_a_sign_in_and_a_sign_out_are_recorded_with_their_address(ann):
    client = Client(REMOTE_ADDR="203.0.113.7")
    enter(client)
    client.post("/admin/account/sign-out/")
    assert events() == [("ann", "signed_in", "password"), ("ann", "signed_out", "")]
    assert set(AccountEvent.objects.values_list("user", "address")) == {(ann.pk, "203.0.113.7")}


def test_a_failed_sign_in_is_recorded_without_an_entered_name_that_is_nobodys(ann):
    enter(Client(), password="wrong")
    enter(Client(), name="my secret by mistake", password="ann")
    assert events() == [("ann", "failed", ""), ("", "failed", "")]


def test_a_changed_password_is_recorded(ann):
    client = Client()
    enter(client)
    form = {"oldpassword": PASSWORD, "password1": "fresh-and-long-9", "password2": "fresh-and-long-9"}
    client.post("/admin/account/password/", form)
    assert events()[-1] == ("ann", "setting", "password_changed")


def test_events_have_a_place_in_the_log(ann):
    enter(Client())
    seal_changes(at=timezone.now())
    entry = AuditEntry.objects.get(source="access_accountevent")
    assert (entry.verb, entry.user_id) == ("signed_in", ann.pk)


def test_an_administrators_help_is_recorded_with_its_reason(ann):
    root = User.objects.create_superuser("root", "root@tollbook.example", PASSWORD)
    client = Client()
    client.force_login(root)
    client.post(f"/admin/auth/user/{ann.pk}/end_sessions/", {"_reason": "Laptop stolen"})
    client.post(f"/admin/auth/user/{ann.pk}/remove_second_factors/", {"_reason": "Called back"})
    seal_changes(at=timezone.now())

    helped = AccountEvent.objects.filter(kind="helped").order_by("pk")
    assert list(helped.values_list("name", "way", "by", "reason")) == [
        ("ann", "End sessions", root.pk, "Laptop stolen"),
        ("ann", "Remove second factors", root.pk, "Called back"),
    ]
    places = AuditEntry.objects.filter(source="access_accountevent", verb="helped")
    assert set(places.values_list("event_id", flat=True)) == {event.pk for event in helped}
