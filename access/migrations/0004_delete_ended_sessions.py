from django.db import migrations

# A definer function: the key of a session signs in whoever has it, so workers may delete sessions but not read them.
# Nor can they end one: a time in the future counts as now.
CREATE = """
CREATE FUNCTION access_delete_ended_sessions(at timestamptz) RETURNS bigint LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH ended AS (
        DELETE FROM public.django_session WHERE expire_date < least(at, clock_timestamp()) RETURNING 1
    )
    SELECT count(*) FROM ended;
$$;
CREATE FUNCTION access_delete_orphaned_sessions() RETURNS void LANGUAGE sql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM public.usersessions_usersession u
    WHERE NOT EXISTS (SELECT FROM public.django_session s WHERE s.session_key = u.session_key);
$$;
REVOKE EXECUTE ON FUNCTION access_delete_ended_sessions, access_delete_orphaned_sessions FROM PUBLIC;
"""
DROP = """
DROP FUNCTION access_delete_ended_sessions;
DROP FUNCTION access_delete_orphaned_sessions;
"""


class Migration(migrations.Migration):
    """Functions by which workers delete the sessions of staff that have ended."""

    dependencies = [
        ("access", "0003_audit_log"),
        ("sessions", "0001_initial"),
        ("usersessions", "0001_initial"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
