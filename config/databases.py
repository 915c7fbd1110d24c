"""Django's database settings from a libpq URL."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

# A web request that exceeds either fails, so that one slow page or one stuck transaction doesn't use up the workers.
WEB_STATEMENT_MILLISECONDS = 30_000
WEB_LOCK_MILLISECONDS = 5_000


def from_url(url: str, *, web: bool = False) -> dict[str, Any]:
    """
    Return Django's settings of one database; further parameters of the URL (sslmode, …) are passed to libpq.

    web: limit each statement and each wait for a lock, so that one slow request cannot occupy a web worker for ever;
        workers and commands have long statements and limits of their own.

    :raises psycopg.ProgrammingError: if the URL is invalid.
    """
    parameters = conninfo_to_dict(url)
    options: dict[str, Any] = {
        "connect_timeout": 10,
        "application_name": "tollbook",
        # pghistory puts its context in front of the statement, which the server could not prepare with parameters.
        "server_side_binding": False,
        # Statements are prepared explicitly (lib/prepared_statements.py), never because they are frequent.
        "prepare_threshold": 1_000_000_000,
    }
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname", "") or "",
        "USER": parameters.pop("user", "") or "",
        "PASSWORD": parameters.pop("password", "") or "",
        "HOST": parameters.pop("host", "") or "",
        "PORT": str(parameters.pop("port", "") or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": options | parameters,
    }
    # Only the statements of billing/metering/store are prepared, and each is written so that one plan fits all
    # parameters.
    settings = "-c plan_cache_mode=force_generic_plan"
    if web:
        settings += f" -c statement_timeout={WEB_STATEMENT_MILLISECONDS} -c lock_timeout={WEB_LOCK_MILLISECONDS}"
    database["OPTIONS"]["options"] = f"{parameters.get('options', '')} {settings}".strip()
    return database
