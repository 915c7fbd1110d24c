"""Staff users with an email address."""

from typing import Any

from django.contrib.auth.models import Permission, User


def make_staff(name: str, *rights: str, **fields: Any) -> User:
    """Return a staff user with some permissions on the tables of customers."""
    user = User.objects.create(username=name, email=f"{name}@tollbook.example", is_staff=True, **fields)
    permissions = Permission.objects.filter(content_type__app_label="customers", codename__in=rights)
    assert len(permissions) == len(rights)
    user.user_permissions.add(*permissions)
    return user
