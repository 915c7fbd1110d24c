"""
Health probes for a load balancer.

/livez: this process responds. /readyz: it can also serve, which requires a database with all migrations. The response
includes beat's age, which does not affect the status: a late beat does not impair a web process, and taking it out of
service would not fix beat.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

# Several tasks run every few seconds (config/schedule.py), so three minutes without a run mean that beat has stopped.
LATE_AFTER_SECONDS = 180


class MigrationsMissing(Exception):
    """The database lacks migrations; the message has their number."""


def probes(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Answer the two probes before middleware that needs more: they have no host name, session or TLS."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/livez":
            return HttpResponse("alive\n", content_type="text/plain; charset=utf-8")
        if request.path_info == "/readyz":
            return _readiness()
        return get_response(request)

    return answer


def _readiness() -> JsonResponse:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _require_migrations()
        beat = _beat()
    except MigrationsMissing as error:
        return JsonResponse({"status": "not ready", "database": "reachable", "migrations": str(error)}, status=503)
    except Error:
        return JsonResponse({"status": "not ready", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ready", "database": "reachable", "migrations": "applied", "beat": beat})


@cache  # applied migrations stay applied, and the check reads every migration file; exceptions are not cached
def _require_migrations() -> None:
    executor = MigrationExecutor(connection)
    if missing := len(executor.migration_plan(executor.loader.graph.leaf_nodes())):
        raise MigrationsMissing(f"{missing} not applied: run manage.py migrate")


def _beat() -> dict[str, Any]:
    latest = PeriodicTask.objects.filter(enabled=True, last_run_at__isnull=False).order_by("-last_run_at").first()
    if latest is None:
        return {"status": "has not run yet"}
    age = (timezone.now() - latest.last_run_at).total_seconds()
    return {"status": "late" if age > LATE_AFTER_SECONDS else "on time", "last_run_seconds_ago": int(age)}
