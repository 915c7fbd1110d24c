import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('invoices', '0004_rendering_due'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='issued_invoice_equals_its_lines_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoice',
            name='issued_invoice_equals_its_lines_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoicetax',
            name='issued_invoice_keeps_its_rows_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoicetax',
            name='issued_invoice_keeps_its_rows_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='invoicetax',
            name='issued_invoice_keeps_its_rows_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='line',
            name='issued_invoice_keeps_its_rows_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='line',
            name='issued_invoice_keeps_its_rows_delete',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='line',
            name='issued_invoice_keeps_its_rows_update',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_equals_its_lines_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows i\n        LEFT JOIN LATERAL (\n            SELECT sum(l.amount) AS net, bool_and(l.currency = i.currency) AS same\n            FROM invoices_line l WHERE l.invoice_id = i.id\n        ) lines ON true\n        LEFT JOIN LATERAL (\n            SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same\n            FROM invoices_invoicetax t WHERE t.invoice_id = i.id\n        ) taxes ON true\n        WHERE i.state <> 'draft' AND (\n            i.net <> coalesce(lines.net, 0) OR i.tax <> coalesce(taxes.tax, 0)\n            OR i.net <> coalesce(taxes.taxable, 0)\n            OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true))\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_equals_its_lines: its net, tax or currency differs from its rows' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='a33d3d52d7766b7b9fe38080f1a08aae8b26ce0b', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_equals_its_lines_insert_92fef', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoice',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_equals_its_lines_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows i\n        LEFT JOIN LATERAL (\n            SELECT sum(l.amount) AS net, bool_and(l.currency = i.currency) AS same\n            FROM invoices_line l WHERE l.invoice_id = i.id\n        ) lines ON true\n        LEFT JOIN LATERAL (\n            SELECT sum(t.amount) AS tax, sum(t.taxable) AS taxable, bool_and(t.currency = i.currency) AS same\n            FROM invoices_invoicetax t WHERE t.invoice_id = i.id\n        ) taxes ON true\n        WHERE i.state <> 'draft' AND (\n            i.net <> coalesce(lines.net, 0) OR i.tax <> coalesce(taxes.tax, 0)\n            OR i.net <> coalesce(taxes.taxable, 0)\n            OR NOT coalesce(lines.same, true) OR NOT coalesce(taxes.same, true))\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_equals_its_lines: its net, tax or currency differs from its rows' USING ERRCODE = 'check_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='fc16e983a78fadd60fed71d006932dbfbf175afd', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_equals_its_lines_update_a76fa', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoice', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='68489acf978629bd09cc42c53216e8d6022719be', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_c9590', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='21c6745428841c5a598916bec5e48aa3eda13397', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_963bb', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='invoicetax',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='c236045deeefa2e06bbbaa9fea94b3549f382aec', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_4dea0', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_invoicetax', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM new_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='aee9bc8d49cadee9c407430739bda8ed988e32ac', level='STATEMENT', operation='INSERT', pgid='pgtrigger_issued_invoice_keeps_its_rows_insert_c7dca', referencing='REFERENCING NEW TABLE AS new_rows ', table='invoices_line', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM old_rows r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='539da01a2b9acca917b090dbf1eb5aecaa2db3fc', level='STATEMENT', operation='DELETE', pgid='pgtrigger_issued_invoice_keeps_its_rows_delete_015bc', referencing='REFERENCING OLD TABLE AS old_rows ', table='invoices_line', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='issued_invoice_keeps_its_rows_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE broken boolean;', func="\n        EXECUTE $check$ SELECT EXISTS (\n        SELECT 1 FROM (SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows) r JOIN invoices_invoice i ON i.id = r.invoice_id WHERE i.state <> 'draft'\n        ) $check$ INTO broken;\n        IF broken THEN\n            RAISE EXCEPTION 'issued_invoice_keeps_its_rows: correct an issued invoice by a credit note' USING ERRCODE = 'restrict_violation';\n        END IF;\n        RETURN NULL;\n    ", hash='e2c63854f06477dd95dde6e190a1b411fd0a5f90', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_issued_invoice_keeps_its_rows_update_e5bae', referencing='REFERENCING OLD TABLE AS old_rows  NEW TABLE AS new_rows ', table='invoices_line', when='AFTER')),
        ),
    ]
