"""Check that published prices and meters in use have not changed since, by their history."""

from billing.audit.check import Check

# When a version was published: its last step out of draft or review.
_PUBLISHED = """
    SELECT v.pgh_obj_id AS version_id, max(v.pgh_created_at) AS at FROM (
        SELECT pgh_obj_id, pgh_created_at, state,
            lag(state, 1, 'draft') OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
        FROM plans_planversionevent
    ) v
    JOIN plans_planversion now ON now.id = v.pgh_obj_id AND now.state NOT IN ('draft', 'review')
    WHERE v.before IN ('draft', 'review') AND v.state NOT IN ('draft', 'review') GROUP BY 1
"""

_CHANGED_PRICES = f"""
    WITH published AS ({_PUBLISHED}),
    granted AS (SELECT DISTINCT pgh_obj_id AS id, version_id FROM plans_planfeatureevent),
    priced AS (SELECT DISTINCT e.pgh_obj_id AS id, g.version_id FROM plans_priceevent e
        JOIN granted g ON g.id = e.plan_feature_id),
    rated AS (SELECT DISTINCT e.pgh_obj_id AS id, p.version_id FROM plans_rateevent e
        JOIN priced p ON p.id = e.price_id),
    changes AS (
        SELECT 'plan feature' AS what, pgh_obj_id AS id, version_id, pgh_created_at AS at FROM plans_planfeatureevent
        UNION ALL SELECT 'fee', pgh_obj_id, version_id, pgh_created_at FROM plans_feeevent
        UNION ALL SELECT 'commitment', pgh_obj_id, version_id, pgh_created_at FROM plans_commitmentevent
        UNION ALL SELECT 'price', e.pgh_obj_id, g.version_id, e.pgh_created_at
            FROM plans_priceevent e JOIN granted g ON g.id = e.plan_feature_id
        UNION ALL SELECT 'rate', e.pgh_obj_id, p.version_id, e.pgh_created_at
            FROM plans_rateevent e JOIN priced p ON p.id = e.price_id
        UNION ALL SELECT 'tier', e.pgh_obj_id, r.version_id, e.pgh_created_at
            FROM plans_tierevent e JOIN rated r ON r.id = e.rate_id
    )
    SELECT c.what, c.id, c.version_id, c.at AS changed_at, p.at AS published_at
    FROM changes c JOIN published p USING (version_id) WHERE c.at > p.at
"""  # noqa: S608

_FREE = "ARRAY['pgh_id', 'pgh_created_at', 'pgh_label', 'pgh_context_id'"
_LIFE = "'state', 'effective_from', 'effective_to', 'published_at', 'published_by_id'"

_CHANGED_VERSIONS = f"""
    WITH steps AS (
        SELECT pgh_obj_id AS version_id, state, lag(state) OVER own AS before,
            to_jsonb(e) - {_FREE}, {_LIFE}] AS terms, lag(to_jsonb(e) - {_FREE}, {_LIFE}]) OVER own AS terms_before
        FROM plans_planversionevent e WINDOW own AS (PARTITION BY pgh_obj_id ORDER BY pgh_id)
    )
    SELECT version_id, before, state FROM steps
    WHERE before NOT IN ('draft', 'review') AND (terms <> terms_before
        OR (before, state) NOT IN (('scheduled', 'scheduled'), ('scheduled', 'draft'), ('scheduled', 'live'),
            ('live', 'live'), ('live', 'retired'), ('retired', 'retired')))
"""  # noqa: S608

_CHANGED_METERS = f"""
    WITH published AS ({_PUBLISHED}),
    priced AS (
        SELECT f.meter_id, min(p.at) AS at FROM published p
        JOIN plans_planfeature g USING (version_id) JOIN plans_feature f ON f.id = g.feature_id
        WHERE f.meter_id IS NOT NULL GROUP BY 1
    ),
    changes AS (
        SELECT pgh_obj_id AS meter_id, pgh_created_at AS at,
            to_jsonb(e) - {_FREE}, 'name', 'unit'] AS meaning,
            lag(to_jsonb(e) - {_FREE}, 'name', 'unit']) OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
        FROM plans_meterevent e
        UNION ALL SELECT meter_id, pgh_created_at, '0', NULL FROM plans_meterreadingevent
    )
    SELECT c.meter_id, c.at AS changed_at, p.at AS priced_since
    FROM changes c JOIN priced p USING (meter_id) WHERE c.at > p.at AND c.meaning IS DISTINCT FROM c.before
"""  # noqa: S608

_IN_FORCE = "v.state NOT IN ('draft', 'review') AND v.effective_to IS DISTINCT FROM v.effective_from"

_CHAIN = f"""
    SELECT plan_id, id AS version_id, effective_to, following FROM (
        SELECT v.*, lead(effective_from) OVER (PARTITION BY plan_id ORDER BY effective_from, id) AS following
        FROM plans_planversion v WHERE {_IN_FORCE}
    ) t WHERE following IS NOT NULL AND effective_to IS DISTINCT FROM following
"""  # noqa: S608

CHECKS = (
    Check("published_prices_have_not_changed", "V1", _CHANGED_PRICES),
    Check("published_versions_follow_their_lifecycle", "V1", _CHANGED_VERSIONS),
    Check("meters_in_use_have_not_changed", "V3", _CHANGED_METERS),
    Check("plan_versions_follow_one_another", "V2", _CHAIN),
)
