"""Beat schedules only tasks that exist."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import celery_app
from config.celery import drop_unknown_tasks
from config.schedule import SCHEDULE


def test_names_registered_tasks():
    celery_app.loader.import_default_modules()
    assert {entry["task"] for entry in SCHEDULE.values()} <= set(celery_app.tasks)


def test_a_request_expires_before_the_next_one():
    """Otherwise a queue without a worker overnight would hold a thousand requests in the morning."""
    assert [name for name, entry in SCHEDULE.items() if not 0 < entry["options"]["expires"] < entry["schedule"]] == []


@pytest.mark.django_db
def test_deletes_entries_of_tasks_that_no_longer_exist():
    interval = IntervalSchedule.objects.create(every=1)
    for task in ("billing.run_jobs", "billing.tasks.work_on_jobs"):
        PeriodicTask.objects.create(name=task, task=task, interval=interval)

    drop_unknown_tasks()

    assert [entry.task for entry in PeriodicTask.objects.all()] == ["billing.run_jobs"]
