"""The page that shows the OpenAPI document; everything it needs comes from here, not from afar."""

import base64
import hashlib
import re
from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

ASSETS = "/docs-assets"
FOLDER = Path(fastapi_offline.__file__).parent / "static"
PAGE = bytes(
    get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="NotiLog: REST API",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon.png",
    ).body
)
INLINE = re.search(rb"<script>(.*?)</script>", PAGE, re.DOTALL)
INLINE_HASH = base64.b64encode(hashlib.sha256(INLINE[1] if INLINE else b"").digest()).decode()
POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src 'self' 'sha256-{INLINE_HASH}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    )
)


def install(app: FastAPI) -> None:
    """Serve the page at ``/docs``."""
    app.mount(ASSETS, StaticFiles(directory=FOLDER), name="docs-assets")
    app.add_api_route("/docs", _page, include_in_schema=False, response_class=HTMLResponse)


async def _page() -> HTMLResponse:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})
