import pytest

from billing.revenue.data_drop import plan, tables
from lib import sql
from tests.owner_rights import as_owner


@pytest.fixture(autouse=True)
def drop_directory(settings, tmp_path):
    """Return the directory that folders lie below."""
    settings.DROP_DIRECTORY = str(tmp_path / "drops")
    (tmp_path / "drops").mkdir()
    return tmp_path / "drops"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Cut tables into several parts although tests have few rows."""
    monkeypatch.setattr(tables, "IDS_PER_PART", 10)


@pytest.fixture(autouse=True)
def small_ids(db):
    """
    Number new rows from the first free id: a drop has a part for each range up to the last number ever given.

    No rollback restores a sequence, so it must fit the rows that later modules find in this database.
    """
    with as_owner():
        for table in tables.sequences():
            sql.execute(
                f"SELECT setval(pg_get_serial_sequence(%s, 'id'), coalesce(max(id), 1), count(*) > 0) FROM {table}",  # noqa: S608
                [table],
            )


@pytest.fixture(autouse=True)
def allow_localhost(settings):
    """Allow requests to this machine, where the S3-compatible servers run."""
    settings.OUTBOUND_PRIVATE_HOSTS = ["localhost"]


@pytest.fixture(autouse=True)
def ignore_transactions_of_other_tests(monkeypatch):
    """
    Ask for the oldest transaction of this database: those of other tests hold up the server's.

    A deployment asks the server, which needs no right to see the sessions of other roles.
    """
    statement = """
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint - coalesce(max(age(l.transactionid)), 0)
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
    WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'
    """
    monkeypatch.setattr(plan, "_OLDEST_TRANSACTION", statement)
