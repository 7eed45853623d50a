"""The status page's files: one document, one style sheet, one script, one picture; nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "page"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Nothing runs but the page's own script, whatever a resource is called; no other page may show it in a frame."""


@dataclass(frozen=True)
class PageFile:
    """One of the page's files."""

    name: str
    content_type: str


FILES = {
    "": PageFile("index.html", "text/html"),
    "page.css": PageFile("page.css", "text/css"),
    "page.js": PageFile("page.js", "text/javascript"),
    "icon.svg": PageFile("icon.svg", "image/svg+xml"),
}
"""By what follows the control prefix."""


class StatusPage:
    """Answers a browser with the page's files, which are read once."""

    def __init__(self) -> None:
        self._bodies = {path: (FOLDER / file.name).read_bytes() for path, file in FILES.items()}

    def has(self, path: str) -> bool:
        """Whether this is a file of the page."""
        return path in self._bodies

    def answer(self, path: str) -> web.Response:
        """The file; KeyError when it is none of the page's."""
        return web.Response(
            body=self._bodies[path], content_type=FILES[path].content_type, charset="utf-8", headers=HEADERS
        )
