"""The sites that may show pages of a seller in a frame. docs/embedding.md."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

MAX_ORIGINS = 10
"""The policy of each framed page names all of them, and proxies limit the length of headers."""

_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
# Developers frame pages on their own machine, where there is no certificate.
ORIGIN = rf"(https://{_LABEL}(\.{_LABEL})*|http://(localhost|127\.0\.0\.1))(:[0-9]{{1,5}})?"
"""An origin as browsers spell it, understood by Python and PostgreSQL: scheme, host, and port unless it is usual."""


class OriginsField(ArrayField):  # type: ignore[type-arg]  # Django's class takes none at run time
    """A column of origins."""

    def __init__(self, **options: Any) -> None:
        text = _("Enter origins such as https://app.example.com: in lower case, without a path or a final slash.")
        defaults: dict[str, Any] = {
            "base_field": models.CharField(max_length=200, validators=[RegexValidator(rf"^{ORIGIN}\Z", text)]),
            "size": MAX_ORIGINS,
            "default": list,
            "db_default": [],
            "blank": True,
        }
        super().__init__(**defaults | options)


def origins_constraint(field: str, *, name: str) -> models.CheckConstraint:
    """Return the constraint of a column of origins."""
    are_origins = Func(
        F(field),
        template=rf"array_to_string(%(expressions)s, ' ') ~ '^{ORIGIN}( {ORIGIN})*$'",
        output_field=models.BooleanField(),
    )
    return models.CheckConstraint(
        condition=Q(**{field: []}) | Q(are_origins, **{f"{field}__len__lte": MAX_ORIGINS}), name=name
    )
