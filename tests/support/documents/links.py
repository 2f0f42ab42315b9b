"""Check the links of a page: files, anchors, pictures, and the form of web addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

_CODE = re.compile(r"^(```+).*?^\1$|`[^`\n]*`", re.S | re.M)
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)\)|<(https?://[^>\s]+)>")
_HEADING = re.compile(r"^#+ +(.+?)\s*$", re.M)


def links(page: Path) -> Iterator[str]:
    """Yield the targets of all links of a page, except in code."""
    for match in _LINK.finditer(_CODE.sub("", page.read_text(encoding="utf-8"))):
        yield match[1] or match[2]


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page's headings, which are the same on the site and on GitHub."""
    text = re.sub(r"^(```+).*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    slugs = set()
    for heading in _HEADING.findall(text):
        plain = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        slugs.add(re.sub(r"\s", "-", plain))
    return frozenset(slugs)


def complaint(page: Path, target: str) -> str | None:
    """Return what is wrong with a link, or None. Does not use the network."""
    address = urlsplit(target)
    if address.scheme:
        well_formed = address.scheme in ("https", "http", "mailto") and (address.netloc or address.path)
        return None if well_formed and "." in target else f"{target}: no address of the web"
    file = (page.parent / address.path).resolve() if address.path else page
    if not file.exists():
        return f"{target}: no such file"
    if address.fragment and address.fragment not in anchors(file):
        return f"{target}: no such heading; there are {', '.join(sorted(anchors(file)))}"
    return None
