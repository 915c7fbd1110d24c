"""
Logins and an API key for the demo, the same on each run: secrets that are shown only once are stored in a local file.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.utils.text import slugify

from customers.api_keys import keys
from customers.models import ApiKey
from customers.models.api_keys import Scope

USERNAME = "demo"
KEY_NAME = "Demo"


@dataclass(frozen=True, slots=True)
class Access:
    """The password of all users, and a key. Stored in clear text, readable only by the file's owner."""

    password: str
    api_key: str


def grant(*, file: Path, at: datetime) -> Access:
    """
    Return the demo's password and key, creating missing users, password or key.

    file: stores them between runs. If it is missing, or belongs to another database, new ones are created.
    """
    stored = Access(**json.loads(file.read_text())) if file.exists() else Access("", "")
    access = Access(password=_password(stored.password), api_key=_api_key(stored.api_key, at))
    if access != stored:
        _store_access(access, file)
    return access


def usernames() -> list[str]:
    """Return the demo's users: a superuser, and one for each staff group."""
    return [USERNAME, *(f"{USERNAME}-{slugify(name)}" for name in _groups().values_list("name", flat=True))]


def _password(stored: str) -> str:
    """Return the password of all users of the demo; they get a new one unless the stored one is correct."""
    first = User.objects.filter(username=USERNAME).first()
    is_correct = bool(stored) and first is not None and first.check_password(stored)
    password = stored if is_correct else secrets.token_urlsafe(12)
    for username, group in zip(usernames(), [None, *_groups()], strict=True):
        user, is_new = User.objects.get_or_create(
            username=username,
            defaults={"is_staff": True, "is_superuser": group is None, "email": f"{username}@lumenfold.example"},
        )
        if is_new or not is_correct:
            user.set_password(password)
            user.save(update_fields=["password"])
        if is_new and group is not None:
            user.groups.add(group)
    return password


def _groups() -> QuerySet[Group]:
    return Group.objects.order_by("id")


def _api_key(stored: str, at: datetime) -> str:
    if stored and ApiKey.objects.usable(at).filter(secret_sha256=keys.digest(stored)).exists():
        return stored
    for old_key in ApiKey.objects.usable(at).filter(name=KEY_NAME, sandbox=False):
        keys.revoke(key=old_key, at=at)
    return keys.issue(name=KEY_NAME, scopes=Scope.values, sandbox=False, by=None, at=at)[1]


def _store_access(access: Access, file: Path) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        json.dump(asdict(access), output)
