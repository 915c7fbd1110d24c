"""The Celery application: settings.py holds its configuration, each app's tasks.py its tasks."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tollbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def ensure_database(**_: Any) -> None:
    """Start our own PostgreSQL, if it is ours, before a worker or beat connects to it."""
    from config import postgres

    postgres.ensure_running()


celeryd_init.connect(ensure_database)
beat_init.connect(ensure_database)
