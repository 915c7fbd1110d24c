"""Changes of a customer's contacts by its own admins: an account with an admin never loses the last one."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from customers.models import Contact
from customers.models.contacts import ContactRole


class LastAdmin(Exception):
    """The change would leave the account without an admin; the text has the remedy."""

    def __init__(self) -> None:
        super().__init__(_("This is the only admin. Make another contact an admin first."))


@transaction.atomic
def change_contact(*, contact: Contact, **fields: Any) -> None:
    """
    Change the role, name or emails of a contact.

    :raises LastAdmin: if it is the only admin and gets another role.
    """
    if fields.get("role", contact.role) != ContactRole.ADMIN:
        _require_another_admin(contact)
    for name, value in fields.items():
        setattr(contact, name, value)
    contact.save(update_fields=list(fields))


@transaction.atomic
def remove_contact(*, contact: Contact) -> None:
    """
    Delete a contact, which also ends its sessions.

    :raises LastAdmin: if it is the only admin.
    """
    _require_another_admin(contact)
    contact.delete()


def _require_another_admin(contact: Contact) -> None:
    # Row locks on all admins: two who demote each other at once would leave none.
    admins = Contact.objects.select_for_update(no_key=True).filter(
        customer=contact.customer_id, role=ContactRole.ADMIN
    )
    ids = set(admins.order_by("pk").values_list("pk", flat=True))
    if ids == {contact.pk}:
        raise LastAdmin
