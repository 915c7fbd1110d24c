"""
The event table, which Django's migrations can't describe.

It is partitioned by hash of the key, so that the key is unique for any timestamp and customer, and vacuum and index
work stays in small pieces. Rows are stored in the order of their sequence numbers, so a few pages show where the new
ones begin. Counters and rollups leave free space on their pages: they are updated all the time, and an update that
finds space touches no index.
"""

PARTITIONS = 8

APPEND_ONLY = """
CREATE OR REPLACE FUNCTION billing_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.customer_id IS NULL AND NEW.customer_id IS NOT NULL
       AND (to_jsonb(NEW) - 'customer_id') = (to_jsonb(OLD) - 'customer_id') THEN
        RETURN NEW;
    END IF;
    -- A customer is erased (billing/privacy): an event then says less, and never anything else.
    IF TG_OP = 'UPDATE' AND current_setting('tollbook.erasing', true) = OLD.customer_id::text
       AND OLD.properties @> NEW.properties
       AND (to_jsonb(NEW) - ARRAY['properties', 'customer_ref', 'subscription_ref'])
           = (to_jsonb(OLD) - ARRAY['properties', 'customer_ref', 'subscription_ref']) THEN
        RETURN NEW;
    END IF;
    -- Old events leave (billing/privacy/event_removal.py): only those that a removal in progress names.
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM billing_eventremoval r WHERE r.finished_at IS NULL AND OLD.occurred_at < r.until
            AND r.customer_id IS NOT DISTINCT FROM OLD.customer_id
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'event_is_append_only: correct usage with a new event that refers to the old one'
    USING ERRCODE = 'restrict_violation';
END $$;
"""
"""The trigger's function. It involves no index or partition, so a release may replace it."""

# Raw DDL: Django knows neither partitions nor fill factors. The unique key also deduplicates, so that a repeat needs
# no second index. Counters are updated in place, and the fill factor leaves room for that on their pages.
CREATE = """
CREATE SEQUENCE billing_event_sequence AS bigint;
CREATE TABLE billing_event (
    key uuid NOT NULL,
    digest uuid NOT NULL,
    sequence bigint NOT NULL DEFAULT nextval('billing_event_sequence'),
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    sandbox boolean NOT NULL,
    customer_id bigint,
    customer_ref text NOT NULL,
    name text NOT NULL,
    source text NOT NULL,
    sender_id text NOT NULL,
    subscription_ref text NOT NULL,
    properties jsonb NOT NULL,
    CONSTRAINT event_counts_once PRIMARY KEY (key)
) PARTITION BY HASH (key);
{partitions}
CREATE INDEX event_by_customer ON billing_event (customer_id, name, occurred_at);
CREATE INDEX event_by_sequence ON billing_event USING brin (sequence) WITH (pages_per_range = 32, autosummarize);

{append_only}
CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON billing_event
    FOR EACH ROW EXECUTE FUNCTION billing_event_is_append_only();

ALTER TABLE billing_counter SET (fillfactor = 70);
ALTER TABLE billing_hourlyusage SET (fillfactor = 70);

CREATE VIEW billing_rollup AS
SELECT s.period_id, s.meter_id, h.bucket, s.dimensions, h.events, h.quantity
FROM billing_series s JOIN billing_hourlyusage h ON h.series_id = s.id;
""".format(
    append_only=APPEND_ONLY,
    partitions="\n".join(
        f"CREATE TABLE billing_event_{n} PARTITION OF billing_event"
        f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {n});"
        for n in range(PARTITIONS)
    ),
)

DROP = """
DROP VIEW billing_rollup;
DROP TABLE billing_event;
DROP FUNCTION billing_event_is_append_only;
DROP SEQUENCE billing_event_sequence;
"""
