"""Plan migrations over HTTP: planned, read, and carried out step by step."""

from collections.abc import Callable
from typing import Any

from django.db.models import Count, QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from access.approvals import Act
from billing.api.subscriptions.serializers import version_of
from billing.models import Job, MigrationItem, PlanMigration
from billing.models.plan_migrations import MAX_NOTICE_DAYS, MigrationTiming, MoveState
from billing.plan_migrations import workflow
from billing.plan_migrations.acts import AnnounceMigration, RollBackMigration, RunMigration
from billing.plan_migrations.cohort import (
    MAX_IDS,
    MAX_RATE,
    MAX_TITLE_LENGTH,
    MigrationRefused,
    MigrationTerms,
    Selection,
    plan_migration,
)
from lib.api.field_rules import FieldRule, all_or_none, any_of, given, needs, only_if
from lib.api.fields import CurrencyField, InstantField, RowSerializer, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import list_rows, post, read_row
from lib.api.views import ApiView

ON_DATE, NOW = given("when", MigrationTiming.DATE), given("when", MigrationTiming.NOW)
EXAMPLE = {"title": "To Pro 2027", "from": {"plan": "pro"}, "plan": "pro-2027", "when": "period"}


class SelectionSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The subscriptions to move: those that match every field sent; `plan` or `ids` is required."""

    plan = serializers.CharField(max_length=64, required=False, help_text="A plan's code.")
    versions = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        required=False,
        help_text="Version numbers of the plan.",
    )
    ids = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        min_length=1,
        max_length=MAX_IDS,
        help_text="External IDs of subscriptions or customers.",
    )
    currency = CurrencyField(required=False)
    seller = serializers.CharField(max_length=64, required=False, help_text="A seller's code.")
    country = serializers.CharField(max_length=2, required=False)
    began_from = InstantField(required=False, help_text="Subscribed at or after this time.")
    began_until = InstantField(required=False, help_text="Subscribed before this time.")
    spent_least = NumberField(required=False, help_text="Total of the last invoice, before tax.")
    spent_most = NumberField(required=False)

    rules = (FieldRule(any_of("plan", "ids"), "plan", "Choose a plan, or enter subscriptions or customers."),)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields as arguments of `Selection`."""
        lists = {name: tuple(attrs[name]) for name in ("versions", "ids") if name in attrs}
        return attrs | lists


class NewMigrationSerializer(StrictFields, serializers.Serializer[dict[str, Any]]):
    """The subscriptions to move, the target version, the date, and the treatment of overrides and wallets."""

    title = serializers.CharField(max_length=MAX_TITLE_LENGTH)
    plan = serializers.CharField(max_length=64, help_text="Code of the target plan.")
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, help_text="Default: the version in force."
    )
    when = serializers.ChoiceField(choices=MigrationTiming.choices, default=MigrationTiming.PERIOD)
    moment = InstantField(required=False, help_text="For the timing `date`.")
    ends_overrides = serializers.BooleanField(
        default=False, help_text="Whether custom pricing ends with the former version."
    )
    from_unit = serializers.CharField(max_length=7, required=False, help_text="Convert wallets from this unit …")
    to_unit = serializers.CharField(max_length=7, required=False, help_text="… to this unit …")
    rate = NumberField(positive=True, most=MAX_RATE, required=False, help_text="… at this rate.")
    notice_days = serializers.IntegerField(
        min_value=0, max_value=MAX_NOTICE_DAYS, required=False, help_text="Default: customers are not notified."
    )

    rules = (
        FieldRule(needs(ON_DATE, "moment"), "moment", "Enter the date, or choose another time."),
        FieldRule(only_if(ON_DATE, "moment"), "moment", "A date is only for the timing `date`."),
        FieldRule(all_or_none("from_unit", "to_unit", "rate"), "rate", "Send both units and the rate, or none."),
        FieldRule(only_if(NOW, "rate"), "when", "Wallets can only be converted if subscriptions move now."),
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, including `from`, which is a keyword and can't be a class attribute."""
        return {**super().get_fields(), "from": SelectionSerializer(help_text="The subscriptions to migrate.")}


class MigrationSerializer(RowSerializer[PlanMigration]):
    """A migration and its progress."""

    plan = serializers.CharField(source="version.plan.code")
    version = serializers.IntegerField(source="version.number")
    rate = NumberField(allow_null=True)
    left_out = serializers.SerializerMethodField(
        help_text="Requested IDs that match no subscription in the migration."
    )
    moves = serializers.SerializerMethodField(help_text="Number of subscriptions in each state.")

    class Meta:
        model = PlanMigration
        fields = [
            *("id", "title", "state", "plan", "version", "when", "moment", "ends_overrides", "from_unit", "to_unit"),
            *("rate", "notice_days", "announced_at", "created_at", "left_out", "moves"),
        ]

    @extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}})
    def get_left_out(self, migration: PlanMigration) -> list[dict[str, str]]:
        """Return each id with its reason."""
        return [{"id": id_, "reason": reason} for id_, reason in migration.left_out]

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_moves(self, migration: PlanMigration) -> dict[str, int]:
        """Return state → number of subscriptions."""
        counts = self.context.get("counted")
        return counts.get(migration.pk, {}) if counts is not None else _count_by_state([migration])[migration.pk]


def _count_by_state(migrations: list[PlanMigration]) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = {migration.pk: {} for migration in migrations}
    rows = (
        MigrationItem.objects.filter(migration__in=counts).values_list("migration", "state").annotate(n=Count("pk"))
    )
    for migration_id, state, count in rows.order_by():
        counts[migration_id][state] = count
    return counts


class MoveSerializer(RowSerializer[MigrationItem]):
    """One subscription of a migration."""

    subscription = serializers.CharField(source="subscription.external_id")
    customer = serializers.CharField(source="subscription.customer.external_id")
    currency = serializers.CharField(source="subscription.currency")
    warnings = serializers.ListField(child=serializers.CharField())
    before = NumberField(allow_null=True, help_text="Total of its last periods, before tax.")
    after = NumberField(allow_null=True, help_text="The same periods at the new version's prices.")
    switch = NumberField(allow_null=True, help_text="Total of the invoice at the switch.")

    class Meta:
        model = MigrationItem
        fields = [
            *("id", "subscription", "customer", "state", "problem", "warnings", "currency", "before", "after"),
            *("switch", "moved_at", "undone_at"),
        ]


class StepSerializer(serializers.Serializer[Any]):
    """The migration after the step, and the job that carries it out."""

    migration = MigrationSerializer()
    job = serializers.IntegerField(allow_null=True, help_text="Number of the job; null if nothing is left to do.")


def take_step(
    step: Callable[..., Job | PlanMigration], operation_id: str, summary: str, description: str = ""
) -> Callable[..., HttpResponseBase]:
    """Return the operation that carries out a step of a migration."""

    @post(operation_id, summary, description, response=StepSerializer, refusals={MigrationRefused: "conflict"})
    def take(view: "Migrations", request: Request, number: int) -> dict[str, Any]:
        return represent_step(view, step(migration_id=view.get_object().pk, at=timezone.now(), by=None))

    return take


def take_approvable_step(
    act: type[AnnounceMigration | RunMigration | RollBackMigration],
    operation_id: str,
    summary: str,
    description: str = "",
) -> Callable[..., HttpResponseBase]:
    """Return the operation that carries out a step of a migration, or requests its approval."""

    @post(
        operation_id,
        summary,
        description,
        response=StepSerializer,
        accepted=ApprovalRequestSerializer,
        refusals={MigrationRefused: "conflict"},
    )
    def take(view: "Migrations", request: Request, number: int) -> dict[str, Any] | Response:
        step: Act[Any] = act(migration_id=view.get_object().pk)
        outcome = perform_act(view, step)
        return outcome if isinstance(outcome, Response) else represent_step(view, outcome)

    return take


def represent_step(view: "Migrations", outcome: Job | PlanMigration) -> dict[str, Any]:
    return {"migration": view.get_object(), "job": outcome.pk if isinstance(outcome, Job) else None}


class Migrations(ApiView[PlanMigration]):
    """Migrations visible to the caller."""

    queryset = PlanMigration.objects.select_related("version__plan")
    sandbox_path = "sandbox"
    serializer_class = MigrationSerializer
    lookup_url_kwarg = "number"

    list_all = list_rows("list_migrations", "List migrations, newest first", "All migrations.")

    def represent_page(self, rows: list[PlanMigration]) -> Any:
        """Return the migrations, with the counts of all of them read by one query."""
        return MigrationSerializer(rows, many=True, context={"counted": _count_by_state(rows)}).data

    @post(
        "create_migration",
        "Create a plan migration",
        "The selection is fixed at creation. No subscription changes until the migration is run; `preview`"
        " calculates the effect on each. `moves` counts them, and `left_out` lists the IDs that match nothing.",
        request=NewMigrationSerializer,
        status=201,
        refusals={MigrationRefused: "unprocessable"},
        examples={"All subscriptions of the old plan, at their next period": EXAMPLE},
    )
    def create(self, request: Request) -> PlanMigration:
        at, fields = timezone.now(), dict(self.read_body())
        version = version_of(fields.pop("plan"), fields.pop("version", None), at=at)
        title, selection = fields.pop("title"), Selection(**fields.pop("from"))
        return plan_migration(
            title=title,
            version=version,
            selection=selection,
            terms=MigrationTerms(**fields),
            sandbox=self.caller.sandbox,
            at=at,
        )

    read = read_row("get_migration", "Read a migration and its progress", "One migration.")

    preview = take_step(
        workflow.preview,
        "preview_migration",
        "Preview a migration's effect on each subscription",
        "Runs in the background; read the moves when the job is done.",
    )

    announce = take_approvable_step(
        AnnounceMigration,
        "tell_migration",
        "Notify the customers of a migration",
        "Can be sent once. The migration can't run until `notice_days` have passed.",
    )

    run = take_approvable_step(
        RunMigration,
        "run_migration",
        "Run a migration",
        "Runs in the background: migrates waiting subscriptions and retries failed ones. Each subscription is"
        " migrated once, however often this is called.",
    )

    roll_back = take_approvable_step(
        RollBackMigration,
        "roll_back_migration",
        "Roll a migration back",
        "Each subscription returns to its former version as if it had never been migrated, within the period of"
        " the switch. A subscription that can't be rolled back gives the reason.",
    )

    discard = take_step(
        workflow.discard,
        "drop_migration",
        "Discard a migration before it starts",
        "Discards a migration that has not started.",
    )


class MovesView(ApiView[MigrationItem]):
    """The subscriptions of a migration."""

    queryset = MigrationItem.objects.select_related("subscription__customer")
    sandbox_path = "migration__sandbox"
    serializer_class = MoveSerializer

    list_all = list_rows(
        "list_migration_moves",
        "List a migration's subscriptions, newest first",
        filters={"state": "state", "subscription": "subscription__external_id"},
        filter_choices={"state": MoveState.values},
    )

    def get_queryset(self) -> QuerySet[MigrationItem]:
        """Return the items of one migration that the caller may see."""
        return super().get_queryset().filter(migration=self.kwargs["number"])
