"""Defaults for a machine without configuration: a secret key, generated once, and a folder for static files."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from config.paths import data_folder, make_folder


def secret_key(*, production: bool) -> str:
    """
    Return this checkout's own key, generated on first use, so that sessions and signed links survive a restart.

    :raises ImproperlyConfigured: in production, where the key must be configured, since all processes share it.
    """
    if production:
        raise ImproperlyConfigured("Set TOLLBOOK_SECRET_KEY; production does not generate one.")
    file = make_folder(data_folder()) / "secret_key"
    if not file.exists():
        with tempfile.NamedTemporaryFile("w", dir=file.parent) as new_file:  # readable only by us
            new_file.write(secrets.token_urlsafe(50))
            new_file.flush()
            with contextlib.suppress(FileExistsError):  # another process was first, so its key is used
                os.link(new_file.name, file)
    return file.read_text()


def static_folder() -> Path:
    """Return the folder of collected static files. Development collects none, but the folder has to exist."""
    return make_folder(make_folder(data_folder()) / "static")
