"""The trail names what somebody asked for, not the last of the steps that it took."""

import pytest

from lib.audit_log import audited_transaction
from plans.models import Meter
from tests.builders import JAN, make_meter

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return [one.pgh_context.metadata["action"] for one in Meter.pgh_event_model.objects.order_by("pgh_id")]


def test_a_part_of_a_change_is_told_as_the_whole(django_user_model):
    olga = django_user_model.objects.create(username="olga")
    with audited_transaction("publish", by=olga, at=JAN):
        make_meter("calls")
        with audited_transaction("schedule a move", by=None, at=JAN):
            make_meter("disk")
        make_meter("seats")
    assert actions() == ["publish"] * 3
    assert {one.pgh_context.metadata["user"] for one in Meter.pgh_event_model.objects.all()} == {olga.pk}


def test_one_after_the_other_each_has_its_own_name():
    for action, name in [("import meters", "calls"), ("new meter", "disk")]:
        with audited_transaction(action, by=None, at=JAN):
            make_meter(name)
    assert actions() == ["import meters", "new meter"]
