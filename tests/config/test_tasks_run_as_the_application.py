"""Each scheduled task needs no more than the rights of the application."""

import pytest
from django.db import connection

from access.tasks import purge_old_rows  # noqa: F401 - Celery finds the other tasks by their apps
from config import celery_app
from config.schedule import SCHEDULE
from tests.owner_rights import as_application

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("full_books")]


def no_address(*_: object, **__: object) -> None:
    raise OSError("There is no network.")


@pytest.mark.parametrize("name", SCHEDULE)
def test_a_scheduled_task_runs(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("socket.getaddrinfo", no_address)  # no host of the books' webhooks exists
    celery_app.autodiscover_tasks(force=True)
    with as_application(), connection.cursor() as cursor:
        celery_app.tasks[name].run()
        cursor.execute("SELECT current_user::text ~ '_application$'")
        assert cursor.fetchone() == (True,)
