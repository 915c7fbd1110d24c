"""
The XML embedded in an invoice's PDF, as Factur-X requires: attached, and named in the file's metadata.

WeasyPrint attaches the file; its flaws are corrected before the file is written: it lists each attachment twice, and
would write our metadata as a second block where a reader expects one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weasyprint import Attachment

NAME = "factur-x.xml"
DESCRIPTION = "Invoice data, EN 16931 (Factur-X)"
RELATIONSHIP = "Alternative"
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


def build_attachment(embedded: EmbeddedXml) -> "Attachment":
    """Return the XML as a WeasyPrint attachment."""
    from weasyprint import Attachment

    return Attachment(
        string=embedded.xml,
        name=NAME,
        description=DESCRIPTION,
        created=embedded.dated_at,
        modified=embedded.dated_at,
        relationship=RELATIONSHIP,
    )


def build_finisher(embedded: EmbeddedXml | None) -> Callable[[Any, Any], None] | None:
    """Return the function that corrects a PDF before it is written; None if nothing is embedded."""

    def finish(document: Any, pdf: Any) -> None:
        pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])
        number = int(pdf.catalog["Metadata"].split()[0])
        (stream,) = pdf.objects[number].stream
        pdf.objects[number].stream[:] = [stream.replace(CLOSING, METADATA + CLOSING)]

    return None if embedded is None else finish
