"""The one clock of all workers."""

from datetime import datetime

from django.db import connection


def database_time() -> datetime:
    """
    Return the database's time now.

    Tasks and commands read it and pass it on as `at`: workers on several hosts then agree on what is due, however
    wrong one host's own clock is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
