"""
The table of frozen postings, which Django's migrations can't describe: it is partitioned by accounting month.

A lock writes a month customer by customer, so a few pages hold the postings of one customer, and a small index of
page ranges finds them; an index of every row would double the time of a lock.
"""

from collections.abc import Iterable
from datetime import date
from itertools import takewhile

from billing.models.postings import PostingSource, Role
from invoices.documents.calendar_months import month_of, next_month
from lib import sql

COLUMNS = """
    month, lock_id, seller_id, currency, service_month, booked_month, customer_id, source, source_id, debit, credit,
    amount, kind, plan_id, feature_id, fee_id, pack_id, country, tax_name, tax_rate, method
"""
"""All columns but the id, in the order in which freezing writes them."""

_ROLES = ", ".join(f"'{role}'" for role in Role.values)
_SOURCES = ", ".join(f"'{source}'" for source in PostingSource.values)

# Raw DDL: Django knows no partitions. The check of the lock runs once for a statement, since a lock writes a million
# rows.
CREATE = f"""
CREATE SEQUENCE billing_posting_id_seq AS bigint;
CREATE TABLE billing_posting (
    id bigint NOT NULL DEFAULT nextval('billing_posting_id_seq'),
    month date NOT NULL,
    lock_id bigint NOT NULL,
    seller_id bigint NOT NULL,
    currency varchar(3) NOT NULL,
    service_month date NOT NULL,
    booked_month date NOT NULL,
    customer_id bigint NOT NULL,
    source varchar(9) NOT NULL,
    source_id bigint NOT NULL,
    debit varchar(16) NOT NULL,
    credit varchar(16) NOT NULL,
    amount numeric(19, 4) NOT NULL,
    kind varchar(12) NOT NULL DEFAULT '',
    plan_id bigint,
    feature_id bigint,
    fee_id bigint,
    pack_id bigint,
    country varchar(2) NOT NULL DEFAULT '',
    tax_name varchar(40) NOT NULL DEFAULT '',
    tax_rate numeric(7, 4),
    method varchar(7) NOT NULL DEFAULT '',
    CONSTRAINT posting_moves_a_finite_amount CHECK (amount <> 0 AND amount BETWEEN -1e12 AND 1e12),
    CONSTRAINT posting_has_two_known_roles CHECK (
        debit <> credit AND debit IN ({_ROLES}) AND credit IN ({_ROLES})),
    CONSTRAINT posting_has_a_known_source CHECK (source IN ({_SOURCES})),
    CONSTRAINT posting_names_months_by_their_first_day CHECK (
        extract(day FROM month) = 1 AND extract(day FROM service_month) = 1 AND extract(day FROM booked_month) = 1),
    CONSTRAINT posting_is_booked_in_its_service_month_or_later CHECK (
        service_month <= month AND booked_month <= month),
    CONSTRAINT posting_tax_rate_is_0_to_100_percent CHECK (tax_rate BETWEEN 0 AND 100)
) PARTITION BY RANGE (month);
CREATE INDEX posting_by_customer ON billing_posting USING brin (customer_id) WITH (pages_per_range = 32);

CREATE FUNCTION billing_posting_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'posting_is_append_only: unlock the month instead; its postings then count in no sum'
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER posting_is_append_only BEFORE UPDATE OR DELETE ON billing_posting
    FOR EACH ROW EXECUTE FUNCTION billing_posting_is_append_only();

CREATE FUNCTION billing_posting_belongs_to_a_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT lock_id, month, seller_id FROM new_rows) n
        LEFT JOIN invoices_monthlock l ON l.id = n.lock_id AND l.month = n.month AND l.seller_id = n.seller_id
            AND l.frozen_at IS NULL AND l.unlocked_at IS NULL
        WHERE l.id IS NULL
    ) THEN
        RAISE EXCEPTION 'posting_belongs_to_a_lock: postings are written only while their month is being locked'
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_belongs_to_a_lock AFTER INSERT ON billing_posting
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION billing_posting_belongs_to_a_lock();
"""  # noqa: S608

DROP = """
DROP TABLE billing_posting;
DROP FUNCTION billing_posting_is_append_only;
DROP FUNCTION billing_posting_belongs_to_a_lock;
DROP SEQUENCE billing_posting_id_seq;
"""


# Definer functions: creating and analyzing a table are rights of its owner. Each does one thing to one table, whose
# name it makes itself, with a search path in which no other login can put a table or a function first.
PARTITION_FUNCTIONS = """
CREATE FUNCTION billing_create_posting_partition(locked_month date) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM invoices_monthlock l
        WHERE l.month = locked_month AND l.frozen_at IS NULL AND l.unlocked_at IS NULL
    ) THEN
        RAISE EXCEPTION 'posting_partition_is_of_a_month_being_locked: %', locked_month
        USING ERRCODE = 'restrict_violation';
    END IF;
    IF to_regclass(format('public.billing_posting_%s', to_char(locked_month, 'YYYY_MM'))) IS NULL THEN
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS public.%I PARTITION OF public.billing_posting FOR VALUES FROM (%L) TO (%L)',
            'billing_posting_' || to_char(locked_month, 'YYYY_MM'), locked_month,
            (locked_month + interval '1 month')::date
        );
    END IF;
END $$;
CREATE FUNCTION billing_analyze_posting_partition(locked_month date) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    EXECUTE format('ANALYZE (SKIP_LOCKED) public.%I', 'billing_posting_' || to_char(locked_month, 'YYYY_MM'));
END $$;
REVOKE EXECUTE ON FUNCTION billing_create_posting_partition, billing_analyze_posting_partition FROM PUBLIC;
"""
DROP_PARTITION_FUNCTIONS = """
DROP FUNCTION billing_create_posting_partition;
DROP FUNCTION billing_analyze_posting_partition;
"""

_PARTITIONS = """
SELECT to_date(right(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass('public.billing_posting')
"""

MONTHS_AHEAD = 3
"""Months after the current one for which the owner creates partitions."""

FEWEST_MONTHS_AHEAD = 2
"""With fewer, the scheduled command has not run for a month."""


def create_partitions(months: Iterable[date]) -> None:
    """Create the partitions of these months, named by their first days, where they are missing; as the owner."""
    for month in sorted(set(months) - _months_with_partition()):
        sql.execute(
            f"CREATE TABLE IF NOT EXISTS {_partition(month)} PARTITION OF billing_posting"
            f" FOR VALUES FROM ('{month}') TO ('{next_month(month)}')",
            [],
        )


def create_partition_of_lock(month: date) -> None:
    """
    Create the partition of a month that is being locked, if it is missing.

    The owner has created those of current months ahead. This is for the months before the installation, which come
    with imported books.
    """
    sql.execute("SELECT billing_create_posting_partition(%s)", [month])


def months_due(today: date) -> list[date]:
    """Return the months whose partitions should exist: the current one and those ahead."""
    months = [month_of(today)]
    while len(months) <= MONTHS_AHEAD:
        months.append(next_month(months[-1]))
    return months


def months_ahead(today: date) -> int:
    """Return how many of the months after the current one have partitions, without a gap."""
    existing = _months_with_partition()
    return sum(1 for _ in takewhile(existing.__contains__, months_due(today)[1:]))


def has_postings_table() -> bool:
    """Return whether the migrations have created the table."""
    return sql.fetch_column("SELECT to_regclass('public.billing_posting') IS NOT NULL") == [True]


def analyze_partition(month: date) -> None:
    """
    Gather a month's statistics, without which the planner takes a million new rows for a few.

    Two sellers finish the same month side by side: the second does not wait for the transaction of the first, whose
    statistics serve both.
    """
    sql.execute("SELECT billing_analyze_posting_partition(%s)", [month])


def _months_with_partition() -> set[date]:
    return set(sql.fetch_column(_PARTITIONS))


def _partition(month: date) -> str:
    return f"billing_posting_{month:%Y_%m}"
