"""What `check --deploy` asks beside Django's own questions."""

from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError
from django.db import connection

MUST_BE_ON = ("fsync", "synchronous_commit", "full_page_writes")
OLDEST_WEASYPRINT = 70  # older ones let a document read files past the fetcher they were given


@register(deploy=True)
def database_is_durable(**_: Any) -> list[CheckMessage]:
    """An event that was acknowledged must survive the server's crash."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(MUST_BE_ON)])
            found = dict(cursor.fetchall())
    except DatabaseError as error:
        return [Error(f"The database cannot be asked: {error}", hint="Check DATABASE_URL.", id="tollbook.E001")]
    return [
        Error(f"PostgreSQL runs with {name}={found[name]}.", hint=f"Set {name}=on.", id="tollbook.E002")
        for name in MUST_BE_ON
        if found[name] == "off"
    ]


@register(deploy=True)
def tasks_survive_their_worker(**_: Any) -> list[CheckMessage]:
    """A worker that dies must give its task back."""
    return [
        Error(
            f"{name} is off, so a task is lost with its worker.",
            hint=f"Set {name} = True.",
            id="tollbook.E003",
        )
        for name in ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST")
        if not getattr(settings, name, False)
    ]


@register(deploy=True)
def tasks_are_bounded(**_: Any) -> list[CheckMessage]:
    """A message must stay hidden for longer than its task may run, or two workers run it at once."""
    hidden = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout", 0)
    if 0 < (settings.CELERY_TASK_TIME_LIMIT or 0) < hidden:
        return []
    text = f"Tasks may run for {settings.CELERY_TASK_TIME_LIMIT} s, their messages stay hidden for {hidden} s."
    return [Error(text, hint="Set a time limit below the visibility timeout.", id="tollbook.E004")]


@register(deploy=True)
def documents_are_rendered_safely(**_: Any) -> list[CheckMessage]:
    installed = version("weasyprint")
    if int(installed.split(".")[0]) >= OLDEST_WEASYPRINT:
        return []
    hint = "Install what requirements/runtime.txt says."
    return [Error(f"WeasyPrint {installed} is too old.", hint=hint, id="tollbook.E005")]


@register(deploy=True)
def production_is_declared(**_: Any) -> list[CheckMessage]:
    if settings.PRODUCTION:
        return []
    hint = "Set TOLLBOOK_PRODUCTION=1, TOLLBOOK_SECRET_KEY and TOLLBOOK_HOSTS."
    return [Error("The settings are those of development.", hint=hint, id="tollbook.E006")]
