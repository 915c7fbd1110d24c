"""
The files attached to an invoice's PDF: its XML, as Factur-X requires, named in the file's metadata as well, and the
table of its lines if the pages sum them.

WeasyPrint attaches the files; its flaws are corrected before the file is written: it lists each attachment twice, and
would write our metadata as a second block where a reader expects one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from invoices.rendering.line_list import LineTable

if TYPE_CHECKING:
    from weasyprint import Attachment

NAME = "factur-x.xml"
DESCRIPTION = "Invoice data, EN 16931 (Factur-X)"
RELATIONSHIP = "Alternative"
TABLE_DESCRIPTION = "All lines of the invoice"
TABLE_RELATIONSHIP = "Data"
CLOSING = b"</rdf:RDF>"

# Declares the properties of Factur-X, followed by this file's own.
_METADATA = f"""
<rdf:Description xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
    xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
    xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#" rdf:about="">
  <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
    <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
    <pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
    <pdfaSchema:prefix>fx</pdfaSchema:prefix>
    <pdfaSchema:property><rdf:Seq>{{properties}}</rdf:Seq></pdfaSchema:property>
  </rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
<rdf:Description xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#" rdf:about="">
  <fx:DocumentType>INVOICE</fx:DocumentType>
  <fx:DocumentFileName>{NAME}</fx:DocumentFileName>
  <fx:Version>1.0</fx:Version>
  <fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
</rdf:Description>
"""
_PROPERTY = """<rdf:li rdf:parseType="Resource">
      <pdfaProperty:name>{name}</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category>
      <pdfaProperty:description>{says}</pdfaProperty:description>
    </rdf:li>"""
_PROPERTIES = {
    "DocumentFileName": "The name of the embedded XML document",
    "DocumentType": "The type of the hybrid document in capital letters",
    "Version": "The actual version of the standard applying to the embedded XML document",
    "ConformanceLevel": "The conformance level of the embedded XML document",
}
METADATA = _METADATA.format(
    properties="".join(_PROPERTY.format(name=name, says=says) for name, says in _PROPERTIES.items())
).encode()


@dataclass(frozen=True, slots=True)
class EmbeddedXml:
    """The XML embedded in a PDF. dated_at: the file's own date."""

    xml: bytes
    dated_at: datetime


def build_attachments(embedded: EmbeddedXml | None, table: LineTable | None) -> "list[Attachment]":
    """Return the XML and the table as WeasyPrint attachments."""
    from weasyprint import Attachment

    files = []
    if embedded is not None:
        files.append((NAME, embedded.xml, DESCRIPTION, embedded.dated_at, RELATIONSHIP))
    if table is not None:
        files.append((table.name, table.content, TABLE_DESCRIPTION, table.dated_at, TABLE_RELATIONSHIP))
    return [
        Attachment(
            string=content,
            name=name,
            description=description,
            created=dated_at,
            modified=dated_at,
            relationship=relationship,
        )
        for name, content, description, dated_at, relationship in files
    ]


def build_finisher(embedded: EmbeddedXml | None, table: LineTable | None) -> Callable[[Any, Any], None] | None:
    """Return the function that corrects a PDF before it is written; None if nothing is attached."""

    def finish(document: Any, pdf: Any) -> None:
        pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])
        if embedded is None:
            return
        number = int(pdf.catalog["Metadata"].split()[0])
        (stream,) = pdf.objects[number].stream
        pdf.objects[number].stream[:] = [stream.replace(CLOSING, METADATA + CLOSING)]

    return None if embedded is None and table is None else finish
