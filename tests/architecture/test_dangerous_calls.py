"""No code is made of text, no text skips escaping, and no insecure algorithm protects anything."""

import ast
import re

import pytest

from config.paths import PROJECT
from tests.architecture.source import APPS, nodes

CALLS = {
    *("eval", "exec", "compile", "__import__", "mark_safe", "SafeString", "os.system", "os.popen"),
    *("pickle.load", "pickle.loads", "marshal.load", "marshal.loads", "shelve.open", "yaml.load", "ctypes.memmove"),
    *("hashlib.md5", "hashlib.sha1", "md5", "sha1", "tempfile.mktemp"),
    *("from_string", "engines.from_string", "xml.etree.ElementTree.fromstring", "ElementTree.fromstring"),
}  # fmt: skip
"""Functions that run, trust or weaken; the names of calls as they are written."""

MODULES = {"pickle", "marshal", "shelve", "ldap", "ldap3", "pymemcache", "xml.dom.minidom", "xml.sax", "telnetlib"}

IN_TEMPLATES = re.compile(r"\|\s*(safe|safeseq)\b|autoescape off")
IN_SCRIPTS = re.compile(
    r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|localStorage|sessionStorage"
    r"|indexedDB|__proto__|document\.cookie|postMessage"
)
SENDERS = {"static/embed/frame.js"}
"""Scripts that send messages: they contain nothing secret, and the receiver checks their origin."""


def dangers(node: ast.AST) -> set[str]:
    """Return the dangerous calls and imports of a node."""
    if isinstance(node, ast.Import):
        return {name.name for name in node.names} & MODULES
    if isinstance(node, ast.ImportFrom):
        return {node.module or ""} & MODULES
    if not isinstance(node, ast.Call):
        return set()
    shells = {
        "shell=True" for word in node.keywords if word.arg == "shell" and ast.unparse(word.value) not in ("False",)
    }
    name = ast.unparse(node.func)
    return shells | ({name, name.rpartition(".")[2]} & CALLS if "re.compile" not in name else set())


def test_no_code_calls_them():
    places = [f"{where} {name}" for where, node in nodes(*APPS) for name in dangers(node)]

    assert places == []


@pytest.mark.parametrize(
    "source",
    ["eval('1')", "subprocess.run('ls', shell=True)", "mark_safe(name)", "import pickle", "hashlib.md5(b'')"],
)
def test_they_would_be_found(source):
    assert [name for node in ast.walk(ast.parse(source)) for name in dangers(node)]


def test_each_template_of_html_escapes_its_values():
    html = list((PROJECT / "templates").rglob("*.html"))
    assert len(html) > 100
    assert [str(path) for path in html if IN_TEMPLATES.search(path.read_text())] == []


def test_no_script_makes_code_of_text_or_stores_data_in_the_browser():
    scripts = list((PROJECT / "static").rglob("*.js"))
    assert scripts
    found = {str(path.relative_to(PROJECT)) for path in scripts if IN_SCRIPTS.search(path.read_text())}
    assert found == SENDERS
    inline = [
        str(path)
        for path in (PROJECT / "templates").rglob("*.html")
        if IN_SCRIPTS.search(path.read_text()) or re.search(r"<script(?![^>]*\bsrc=)[^>]*>", path.read_text())
    ]
    assert inline == []


def test_each_parser_of_foreign_xml_resolves_no_entities():
    parsers = [
        (where, ast.unparse(node))
        for where, node in nodes(*APPS)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("XMLParser")
    ]
    # The other parser reads our own e-invoice, which the line before it has written.
    foreign = [(where, text) for where, text in parsers if not where.startswith("invoices/rendering/einvoice/")]
    assert foreign
    assert all("resolve_entities=False" in text and "no_network=True" in text for _, text in foreign)
