"""A key's secret is shown once, is long, and is never stored."""

import re
from datetime import timedelta

import pytest
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from customers.api_keys.keys import KeyRefused, digest, issue, revoke, rotate
from customers.models import ApiKey
from tests.api.calls import NOW

pytestmark = pytest.mark.django_db


def fresh(**fields):
    return issue(**{"name": "Backend", "scopes": ["read"], "sandbox": False, "by": None, "at": NOW, **fields})


@pytest.mark.parametrize(("sandbox", "start"), [(False, "tb_live_"), (True, "tb_test_")])
def test_its_prefix_tells_live_from_sandbox(sandbox, start):
    key, secret = fresh(sandbox=sandbox)

    assert secret.startswith(start)
    assert secret.startswith(key.prefix + "_")
    assert key.sandbox is sandbox


def test_carries_256_random_bits():
    secrets = [fresh()[1] for _ in range(20)]

    assert len({secret.rpartition("_")[2] for secret in secrets}) == 20
    assert all(re.fullmatch(r"tb_live_[0-9a-z]{8}_[0-9A-Za-z]{43}", secret) for secret in secrets)


def test_is_stored_only_as_a_digest():
    key, secret = fresh()
    random = secret.rpartition("_")[2]
    rotate(key=key, overlap=timedelta(0), by=None, at=NOW)

    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        for table in tables:
            query = sql.SQL("SELECT count(*) FROM {} AS row WHERE row::text LIKE %s").format(sql.Identifier(table))
            cursor.execute(query, [f"%{random}%"])
            assert cursor.fetchone() == (0,), table
    assert random not in serializers.serialize("json", ApiKey.objects.all())
    assert ApiKey.objects.get(pk=key.pk).secret_sha256 == digest(secret)


@pytest.mark.parametrize("scopes", [[], ["admin"], ["read", "READ"]])
def test_is_refused_without_a_scope_that_exists(scopes):
    with pytest.raises(KeyRefused, match="scope"):
        fresh(scopes=scopes)


def test_is_refused_when_it_would_have_expired():
    with pytest.raises(KeyRefused, match="in the future"):
        fresh(expires_at=NOW)


def test_rotates_into_a_new_key_while_the_old_one_overlaps():
    old, old_secret = fresh(scopes=["read", "ingest"], sandbox=True)

    new, secret = rotate(key=old, overlap=timedelta(hours=2), by=None, at=NOW)

    old.refresh_from_db()
    assert secret != old_secret
    assert (new.name, new.scopes, new.sandbox) == (old.name, ["ingest", "read"], True)
    assert old.expires_at == NOW + timedelta(hours=2)
    assert new.expires_at is None


def test_rotation_never_extends_its_life():
    old, _ = fresh(expires_at=NOW + timedelta(hours=1))

    rotate(key=old, overlap=timedelta(days=7), by=None, at=NOW)

    old.refresh_from_db()
    assert old.expires_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_is_not_rotated_with_an_overlap_out_of_bounds(overlap):
    with pytest.raises(KeyRefused, match="30 days"):
        rotate(key=fresh()[0], overlap=overlap, by=None, at=NOW)


def test_is_not_rotated_once_it_is_revoked():
    key, _ = fresh()
    revoke(key=key, at=NOW)

    with pytest.raises(KeyRefused, match="Create a new key"):
        rotate(key=key, overlap=timedelta(0), by=None, at=NOW)


def test_is_revoked_once():
    key, _ = fresh()

    revoke(key=key, at=NOW)
    revoke(key=key, at=NOW + timedelta(days=1))

    key.refresh_from_db()
    assert key.revoked_at == NOW


def test_the_command_prints_only_the_secret_on_standard_output(capsys):
    call_command(
        "create_api_key", *["--name", "Backend", "--scope", "read", "--scope", "ingest", "--sandbox", "--days", "30"]
    )

    output = capsys.readouterr()
    key = ApiKey.objects.get()
    assert key.secret_sha256 == digest(output.out.strip())
    assert (key.scopes, key.sandbox) == (["ingest", "read"], True)
    assert key.expires_at is not None
    assert key.prefix in output.err


def test_the_command_reports_an_error_in_words():
    with pytest.raises(CommandError, match="in the future"):
        call_command("create_api_key", *["--name", "Backend", "--scope", "read", "--days", "0"])
