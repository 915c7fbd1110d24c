"""The one clock of all workers: as plans/clock.py, which this app may not import."""

from datetime import datetime

from django.db import connection


def database_time() -> datetime:
    """Return the database's time now: leases are measured by it, however wrong one host's own clock is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
