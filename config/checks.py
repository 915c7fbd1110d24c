"""Checks of `check --deploy` in addition to Django's own."""

from importlib.metadata import version
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError
from django.db import connection
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from config.retention import KINDS
from customers.notifications.http_client import AddressRefused, check_address

MUST_BE_ON = ("fsync", "synchronous_commit", "full_page_writes")
OLDEST_WEASYPRINT = 70  # older versions let a document read files around the given URL fetcher


@register(deploy=True)
def database_is_durable(**_: Any) -> list[CheckMessage]:
    """Check that an acknowledged event survives a crash of the server."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(MUST_BE_ON)])
            server_settings = dict(cursor.fetchall())
    except DatabaseError as error:
        return [Error(f"The database is unreachable: {error}", hint="Check DATABASE_URL.", id="tollbook.E001")]
    return [
        Error(f"PostgreSQL runs with {name}={server_settings[name]}.", hint=f"Set {name}=on.", id="tollbook.E002")
        for name in MUST_BE_ON
        if server_settings[name] == "off"
    ]


@register
def audit_webhook_is_signed(**_: Any) -> list[CheckMessage]:
    """Check that the audit log can be sent, if it is to be."""
    if not settings.AUDIT_WEBHOOK_URL:
        return []
    try:
        check_address(settings.AUDIT_WEBHOOK_URL)
        Webhook(settings.AUDIT_WEBHOOK_SECRET)
    except (AddressRefused, EmptyWebhookSecretError, ValueError) as error:
        text = f"The audit log can't be sent by webhook: {error}"
        hint = "Set TOLLBOOK_AUDIT_WEBHOOK_URL, and TOLLBOOK_AUDIT_WEBHOOK_SECRET to “whsec_” with a key in base64."
        return [Error(text, hint=hint, id="tollbook.E011")]
    return []


@register(deploy=True)
def tasks_survive_their_worker(**_: Any) -> list[CheckMessage]:
    """Check that the task of a worker that dies is run again."""
    return [
        Error(
            f"{name} is off, so a task is lost if its worker dies.",
            hint=f"Set {name} = True.",
            id="tollbook.E003",
        )
        for name in ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST")
        if not getattr(settings, name, False)
    ]


@register(deploy=True)
def tasks_are_bounded(**_: Any) -> list[CheckMessage]:
    """
    Check that messages stay hidden longer than a task may run, since otherwise two workers would run it at once.
    """
    hidden = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("visibility_timeout", 0)
    if 0 < (settings.CELERY_TASK_TIME_LIMIT or 0) < hidden:
        return []
    text = (
        f"Tasks may run for {settings.CELERY_TASK_TIME_LIMIT} s, but their messages stay hidden for {hidden} s only."
    )
    return [Error(text, hint="Set a time limit below the visibility timeout.", id="tollbook.E004")]


@register(deploy=True)
def documents_are_rendered_safely(**_: Any) -> list[CheckMessage]:
    installed = version("weasyprint")
    if int(installed.split(".")[0]) >= OLDEST_WEASYPRINT:
        return []
    hint = "Install the versions in requirements/runtime.txt."
    return [Error(f"WeasyPrint {installed} is too old.", hint=hint, id="tollbook.E005")]


@register()
def data_is_kept_long_enough(**_: Any) -> list[CheckMessage]:
    """Check the settings of how long data is kept."""
    return [
        Error(
            f"{kind.variable} is {kind.kept}: {kind.name} are kept for at least {kind.least} {kind.unit}.",
            hint=f"Set {kind.variable} to {kind.least} or more, or to 0 to keep them permanently.",
            id="tollbook.E010",
        )
        for kind in KINDS
        if not kind.is_allowed
    ]


@register(deploy=True)
def production_is_declared(**_: Any) -> list[CheckMessage]:
    if settings.PRODUCTION:
        return []
    hint = "Set TOLLBOOK_PRODUCTION=1, TOLLBOOK_SECRET_KEY and TOLLBOOK_HOSTS."
    return [Error("These are development settings.", hint=hint, id="tollbook.E006")]
