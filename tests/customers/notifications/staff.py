"""Members of staff with a mail address."""

from typing import Any

from django.contrib.auth.models import Permission, User


def make_staff(name: str, *rights: str, **fields: Any) -> User:
    """Return a member of staff who has some rights on customers' tables."""
    user = User.objects.create(username=name, email=f"{name}@tollbook.example", is_staff=True, **fields)
    found = Permission.objects.filter(content_type__app_label="customers", codename__in=rights)
    assert len(found) == len(rights)
    user.user_permissions.add(*found)
    return user
