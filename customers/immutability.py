"""Database triggers for what is only ever added to."""

import pgtrigger


def told_once() -> pgtrigger.Trigger:
    """
    Return the trigger that keeps a notice as it was written.

    Only how many it was handed out to is added, once; and it may be forgotten then, when its deliveries are.
    """
    return pgtrigger.Trigger(
        name="notice_is_only_handed_out",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func="""
            IF OLD.recipients IS NOT NULL AND TG_OP = 'DELETE' THEN
                RETURN OLD;
            END IF;
            IF TG_OP = 'UPDATE' AND OLD.recipients IS NULL
                AND to_jsonb(NEW) - 'recipients' = to_jsonb(OLD) - 'recipients' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'notice_is_only_handed_out: what happened stays as it was told'
            USING ERRCODE = 'restrict_violation';
        """,
    )
