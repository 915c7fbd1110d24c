"""
Change many subscriptions to another plan version together: docs/migration.md.

  select → preview → announce → approve → run → roll back

The subscriptions are selected once and stored as rows (`cohort`). Jobs preview, move and roll back (`jobs`) with the
operations that change a single subscription; operators control them (`workflow`).
"""
