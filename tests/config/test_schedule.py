"""Beat schedules only tasks that exist."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import celery_app
from config.celery import drop_unknown_tasks
from config.schedule import SCHEDULE


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE.keys())
def test_names_a_registered_task(entry: dict):
    celery_app.loader.import_default_modules()
    assert entry["task"] in celery_app.tasks


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE.keys())
def test_a_request_expires_before_the_next_one(entry: dict):
    """Otherwise a queue without a worker overnight would hold a thousand requests in the morning."""
    assert 0 < entry["options"]["expires"] < entry["schedule"]


@pytest.mark.django_db
def test_deletes_entries_of_tasks_that_no_longer_exist():
    interval = IntervalSchedule.objects.create(every=1)
    for task in ("billing.run_jobs", "billing.tasks.work_on_jobs"):
        PeriodicTask.objects.create(name=task, task=task, interval=interval)

    drop_unknown_tasks()

    assert [entry.task for entry in PeriodicTask.objects.all()] == ["billing.run_jobs"]
