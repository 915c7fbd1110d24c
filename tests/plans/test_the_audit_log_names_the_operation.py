"""The audit log records the operation that a user requested, not the last of its steps."""

import pytest

from lib.audit_log import audited_transaction
from plans.models import Meter
from tests.builders import JAN, make_meter

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return [row.pgh_context.metadata["action"] for row in Meter.pgh_event_model.objects.order_by("pgh_id")]


def test_a_nested_operation_is_recorded_as_the_outer_one(django_user_model):
    olga = django_user_model.objects.create(username="olga")
    with audited_transaction("publish", by=olga, at=JAN):
        make_meter("calls")
        with audited_transaction("schedule a move", by=None, at=JAN):
            make_meter("disk")
        make_meter("seats")
    assert actions() == ["publish"] * 3
    assert {row.pgh_context.metadata["user"] for row in Meter.pgh_event_model.objects.all()} == {olga.pk}


def test_successive_operations_have_their_own_names():
    for action, name in [("import meters", "calls"), ("new meter", "disk")]:
        with audited_transaction(action, by=None, at=JAN):
            make_meter(name)
    assert actions() == ["import meters", "new meter"]
