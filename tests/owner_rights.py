"""
The owner's rights, for a test that plants what no login of the product could: DDL, and rows that a trigger refuses.

Tests have the rights of staff (tests/postgres.py).
"""

import contextlib
from collections.abc import Iterator

from django.db import connection, transaction
from psycopg import sql

from tests.logins import role_names


@contextlib.contextmanager
def use_role(name: str) -> Iterator[None]:
    """Run statements with the rights of a role, in the test's transaction; an exception undoes them."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (former_name,) = cursor.fetchone()
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(name)))
        yield
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(former_name)))


@contextlib.contextmanager
def as_owner() -> Iterator[None]:
    """Run statements with the owner's rights."""
    with use_role(role_names().owner):
        yield


@contextlib.contextmanager
def as_application() -> Iterator[None]:
    """Run statements with the rights that a worker has."""
    with use_role(role_names().application):
        yield


@contextlib.contextmanager
def past_triggers() -> Iterator[None]:
    """Run statements that no trigger and no foreign key checks, as the owner."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")
