"""A worker killed anywhere in an evaluation leaves the queue unchanged; the next one announces everything, once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from billing.models import Alert
from customers.models.notifications import Notification
from tests.billing.limits.alerts.alert_setup import NOW, evaluate, messages, use

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PLACES = ["guard.after_queueing", "guard.after_alerts", "guard.before_commit"]


@pytest.mark.parametrize("place", PLACES)
def test_an_evaluation_starts_over(place: str, tmp_path: Path):
    messages(10)
    use("message", 8)
    pipe = tmp_path / "announcements"
    os.mkfifo(pipe)
    environment = os.environ | {"TOLLBOOK_FAILPOINT": place, "TOLLBOOK_FAILPOINT_FILE": str(pipe)}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "evaluate_alerts", "--at", NOW.isoformat()]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        with pipe.open() as announcements:
            assert announcements.readline().split() == [place, str(process.pid)]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()

    assert not Alert.objects.exists()
    evaluate()
    assert (Alert.objects.count(), Notification.objects.filter(kind="alert.fired").count()) == (2, 1)
