"""Beat asks for tasks that exist."""

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config import celery_app
from config.celery import drop_unknown_tasks
from config.schedule import SCHEDULE


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE.keys())
def test_names_a_task_that_a_worker_knows(entry: dict):
    celery_app.loader.import_default_modules()
    assert entry["task"] in celery_app.tasks


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE.keys())
def test_drops_a_request_before_the_next_one_comes(entry: dict):
    """Otherwise a queue that nobody served for a night would ask a thousand times in the morning."""
    assert 0 < entry["options"]["expires"] < entry["schedule"]


@pytest.mark.django_db
def test_drops_entries_of_tasks_that_no_longer_exist():
    interval = IntervalSchedule.objects.create(every=1)
    for task in ("billing.run_jobs", "billing.tasks.work_on_jobs"):
        PeriodicTask.objects.create(name=task, task=task, interval=interval)

    drop_unknown_tasks()

    assert [entry.task for entry in PeriodicTask.objects.all()] == ["billing.run_jobs"]
