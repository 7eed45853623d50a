"""The page to try a model on: one file, nothing from elsewhere, and a policy under which nothing else could run."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from aiohttp import web

FILE = Path(__file__).with_name("page.html")


def policy(html: str) -> str:
    """A Content-Security-Policy that lets exactly the page's own style and script run, and ask this server alone."""
    allowed = {
        part: " ".join(_hash(text) for text in re.findall(rf"<{part}>(.*?)</{part}>", html, re.DOTALL))
        for part in ("style", "script")
    }
    return (
        f"default-src 'none'; style-src {allowed['style']}; script-src {allowed['script']}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def add_page(app: web.Application) -> None:
    """Serve it at /."""
    html = FILE.read_text(encoding="utf-8")
    headers = {
        "Content-Security-Policy": policy(html),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html", headers=headers)

    app.router.add_get("/", show)
