"""Of two people who save a price sheet at the same time, the second one is shown the figures of the first."""

from decimal import Decimal as D

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from plans.admin.prices import sheet_form
from plans.catalog.price_sheet import read_sheet
from plans.models import Fee
from tests.builders import fee, make_plan
from tests.races import Pause, start, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


def finance(name: str) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name="finance"))
    client = Client()
    client.force_login(user)
    return client


def test_the_second_save_waits_and_is_refused(monkeypatch):
    version = make_plan(fees=[fee("9")])
    sheet = read_sheet(version)
    (name,) = sheet.cells
    address = f"/admin/plans/planversion/{version.pk}/price-sheet/"
    fields = {"fingerprint": sheet.fingerprint, "read": sheet_form.as_read(sheet), "do": "save"}
    first, second = finance("ann"), finance("bob")

    pause = Pause.before(monkeypatch, sheet_form, "_single_forms")
    saving = start(lambda: first.post(address, fields | {name: "10"}).status_code)
    pause.await_arrival()
    waiting = start(lambda: second.post(address, fields | {name: "11"}))
    wait_until_blocked()
    pause.release()

    assert saving.result() == 302
    refused = waiting.result()
    assert refused.status_code == 409
    (choice,) = refused.context["choices"]
    assert (choice["read"], choice["stored"], choice["entered"]) == ("9.00", "10.00", "11")
    assert Fee.objects.get().amount.amount == D(10)
