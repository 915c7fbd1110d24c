"""What a machine without configuration gets: a key of its own, made once."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.paths import data_folder, make_folder


def secret_key(*, production: bool) -> str:
    """
    Return this checkout's own key, made on first use, so that sessions and signed links survive a restart.

    :raises ImproperlyConfigured: in production, where the key must be given: every process shares it there.
    """
    if production:
        raise ImproperlyConfigured("Set TOLLBOOK_SECRET_KEY: production never makes up a key of its own.")
    file = make_folder(data_folder()) / "secret_key"
    if not file.exists():
        with tempfile.NamedTemporaryFile("w", dir=file.parent) as fresh:  # readable by us alone
            fresh.write(secrets.token_urlsafe(50))
            fresh.flush()
            with contextlib.suppress(FileExistsError):  # another process was first: its key counts
                os.link(fresh.name, file)
    return file.read_text()


def static_folder() -> Path:
    """Return where collected static files go; in development nothing is collected, but the folder has to exist."""
    return make_folder(make_folder(data_folder()) / "static")
