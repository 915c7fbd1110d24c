"""The clock that all workers share."""

from datetime import datetime

from django.db import connection


def database_time() -> datetime:
    """
    Return the database's current time.

    Tasks and commands read it and pass it on as `at`, so workers on several hosts agree on due work even if a host's
    own clock is wrong.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
