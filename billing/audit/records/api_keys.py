"""Keys of the API, and the answers kept for repeated requests."""

from billing.audit.check import Check

_KEYS = """
    SELECT id, prefix FROM customers_apikey
    WHERE secret_sha256 !~ '^[0-9a-f]{64}$'
        OR prefix !~ (CASE WHEN sandbox THEN '^tb_test_' ELSE '^tb_live_' END || '[0-9a-z]{8}$')
        OR cardinality(scopes) = 0 OR NOT scopes::text[] <@ ARRAY['ingest', 'read', 'manage']
"""

_ANSWERS = """
    SELECT id, key FROM customers_idempotentrequest
    WHERE status IS NULL OR status NOT BETWEEN 200 AND 299 OR request_sha256 !~ '^[0-9a-f]{64}$' OR key = ''
"""

CHECKS = (
    Check("api_keys_are_kept_hashed_and_well_formed", "A3", _KEYS),
    Check("repeated_requests_have_a_whole_answer", "I5", _ANSWERS),
)
