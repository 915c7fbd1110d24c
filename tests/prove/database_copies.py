"""A database for each process of a campaign: in one, they would wait for rows and ANALYZE of each other."""

from multiprocessing.queues import SimpleQueue

from django.db import connection


def copy_database(name: str) -> str:
    """Return the name of a copy: in one database, ANALYZE would wait for the rollback of the other books."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {connection.settings_dict['NAME']}")
    return name


def connect_to(copies: SimpleQueue[str]) -> None:
    connection.settings_dict["NAME"] = copies.get()
