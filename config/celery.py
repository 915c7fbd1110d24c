"""The Celery application: settings.py has its configuration, and each app's tasks.py its tasks."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tollbook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def ensure_database(**_: Any) -> None:
    """Start our own PostgreSQL, if it is used, before a worker or beat connects to it."""
    from config import postgres

    postgres.ensure_running()


def drop_unknown_tasks(**_: Any) -> None:
    """Delete beat's entries of tasks that no longer exist: its table keeps entries that left the schedule."""
    from django_celery_beat.models import PeriodicTask

    PeriodicTask.objects.exclude(task__in=list(app.tasks)).delete()


celeryd_init.connect(ensure_database)
beat_init.connect(ensure_database)
beat_init.connect(drop_unknown_tasks)
