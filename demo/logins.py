"""Logins and an API key for the demo, the same on each run: what is shown once only is kept in a file of ours."""

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
    """How to get in: the password of all users, and a key. Kept in the clear, readable by the file's owner alone."""

    password: str
    api_key: str


def grant(*, file: Path, at: datetime) -> Access:
    """
    Return the demo's password and key, making what is missing: the users, their password, the key.

    file: where they are kept between runs. If it is gone, or tells of another database, new ones are made.
    """
    kept = Access(**json.loads(file.read_text())) if file.exists() else Access("", "")
    access = Access(password=_password(kept.password), api_key=_api_key(kept.api_key, at))
    if access != kept:
        _keep(access, file)
    return access


def usernames() -> list[str]:
    """Return the demo's users: one that may do everything, and one for each group of staff."""
    return [USERNAME, *(f"{USERNAME}-{slugify(name)}" for name in _groups().values_list("name", flat=True))]


def _password(kept: str) -> str:
    """Return the password of all users of the demo; unless it is the one that was kept, they get a new one."""
    first = User.objects.filter(username=USERNAME).first()
    is_right = bool(kept) and first is not None and first.check_password(kept)
    password = kept if is_right else secrets.token_urlsafe(12)
    for username, group in zip(usernames(), [None, *_groups()], strict=True):
        user, is_new = User.objects.get_or_create(
            username=username,
            defaults={"is_staff": True, "is_superuser": group is None, "email": f"{username}@lumenfold.example"},
        )
        if is_new or not is_right:
            user.set_password(password)
            user.save(update_fields=["password"])
        if is_new and group is not None:
            user.groups.add(group)
    return password


def _groups() -> QuerySet[Group]:
    return Group.objects.order_by("id")


def _api_key(kept: str, at: datetime) -> str:
    if kept and ApiKey.objects.usable(at).filter(secret_sha256=keys.digest(kept)).exists():
        return kept
    for lost in ApiKey.objects.usable(at).filter(name=KEY_NAME, sandbox=False):
        keys.revoke(key=lost, at=at)
    return keys.issue(name=KEY_NAME, scopes=Scope.values, sandbox=False, by=None, at=at)[1]


def _keep(access: Access, file: Path) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as kept:
        json.dump(asdict(access), kept)
