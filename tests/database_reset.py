"""
Restore a database that a test wrote to, row by row.

Copying the template again has the same effect, and is done where more than rows has changed; but it creates some
fifteen hundred files, which takes ten times as long as deleting the rows that a test commits.
"""

from typing import Any

import psycopg

LARGE = 32 * 2**20
"""Bytes of all tables, including the space of deleted rows. Above this size a copy is faster."""

_CUT_OFF_OTHERS = """
SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_SIZES = """
SELECT c.oid::regclass::text, pg_relation_size(c.oid) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, to_regnamespace('pgmq'))
    AND pg_relation_size(c.oid) > 0 ORDER BY 1
"""
_SEQUENCES = """
SELECT seqrelid::regclass::text, coalesce(pg_sequence_last_value(seqrelid), seqstart),
    pg_sequence_last_value(seqrelid) IS NOT NULL FROM pg_sequence
"""
_CATALOGS = (
    *("pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_proc", "pg_type"),
    *("pg_rewrite", "pg_policy", "pg_extension", "pg_statistic_ext"),
)
_YOUNG = "(SELECT ROW(count(*), count(*) FILTER (WHERE age(xmin) <= age(%(mark)s::xid)))::text FROM {})"
_SCHEMA = "SELECT " + ", ".join(_YOUNG.format(name) for name in _CATALOGS)
"""The number of rows of each catalog, and how many are younger than a transaction: any DDL changes these."""


class Original:
    """The contents of a database before its tests: the rows of migrations, the values of sequences, the schema."""

    def __init__(self, url: str) -> None:
        self.url = url
        with psycopg.connect(url) as connection:
            self.mark = _all(connection, "SELECT pg_current_xact_id()::xid::text")[0][0]
            self.rows = {table: _copied(connection, table) for table, _ in _all(connection, _SIZES)}
            self.sequences = set(_all(connection, _SEQUENCES))
            self.schema = _all(connection, _SCHEMA, mark=self.mark)

    def restore(self) -> bool:
        """Restore every row and sequence, and close all other connections; return False where that is not enough."""
        with psycopg.connect(self.url) as connection:
            connection.execute(_CUT_OFF_OTHERS)
            sizes = _all(connection, _SIZES)
            if sum(size for _, size in sizes) > LARGE or _all(connection, _SCHEMA, mark=self.mark) != self.schema:
                return False
            # Triggers protect invoices, events and prices from deletion, and foreign keys require an order.
            connection.execute("SET LOCAL session_replication_role = replica")
            for table, _ in sizes:
                self._put_back(connection, table)
            moved = {sequence for sequence, *_ in set(_all(connection, _SEQUENCES)) - self.sequences}
            for sequence, value, is_used in self.sequences:
                if sequence in moved:
                    connection.execute("SELECT setval(%s::regclass, %s, %s)", [sequence, value, is_used])
        return True

    def _put_back(self, connection: psycopg.Connection, table: str) -> None:
        if (stored := self.rows.get(table, b"")) and _copied(connection, table) == stored:
            return
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
        if stored:
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(stored)


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy)


def _all(connection: psycopg.Connection, statement: str, **parameters: object) -> list[Any]:
    return connection.execute(statement, parameters or None).fetchall()
