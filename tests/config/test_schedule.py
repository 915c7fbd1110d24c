"""Beat asks for tasks that exist."""

import pytest

from config import celery_app
from config.schedule import SCHEDULE


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE.keys())
def test_names_a_task_that_a_worker_knows(entry: dict):
    celery_app.loader.import_default_modules()
    assert entry["task"] in celery_app.tasks


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE.keys())
def test_drops_a_request_before_the_next_one_comes(entry: dict):
    """Otherwise a queue that nobody served for a night would ask a thousand times in the morning."""
    assert 0 < entry["options"]["expires"] < entry["schedule"]
