"""A worker killed anywhere in an evaluation leaves the queue unchanged; the next one announces everything, once."""

from pathlib import Path

import pytest
from django.core.management import call_command

from billing.models import Alert
from customers.models.notifications import Notification
from tests.billing.limits.alerts.alert_setup import NOW, evaluate, messages, use
from tests.killed_processes import kill_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PLACES = ["guard.after_queueing", "guard.after_alerts", "guard.before_commit"]


@pytest.mark.parametrize("place", PLACES)
def test_an_evaluation_starts_over(place: str, tmp_path: Path):
    messages(10)
    use("message", 8)

    kill_at(place, lambda: call_command("evaluate_alerts", "--at", NOW.isoformat()), tmp_path)

    assert not Alert.objects.exists()
    evaluate()
    assert (Alert.objects.count(), Notification.objects.filter(kind="alert.fired").count()) == (2, 1)
