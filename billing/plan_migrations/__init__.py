"""
Move subscriptions to another version, all together: docs/migration.md.

    choose → preview → tell → approve → run → roll back

Who is moved is chosen once, as rows (`selecting`). Jobs preview, move and take back (`steps`), each by the
operations that change a single subscription; people steer them (`steering`).
"""
