"""The page that shows the OpenAPI document; its script comes from where FastAPI has it."""

import base64
import hashlib
import re

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

router = APIRouter()

PAGE = bytes(get_swagger_ui_html(openapi_url="/openapi.json", title="NotiLog: REST API").body)
ASSETS = "https://cdn.jsdelivr.net"
INLINE = re.search(rb"<script>(.*?)</script>", PAGE, re.DOTALL)
INLINE_HASH = base64.b64encode(hashlib.sha256(INLINE[1] if INLINE else b"").digest()).decode()
POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {ASSETS} 'sha256-{INLINE_HASH}'",
        f"style-src {ASSETS} 'unsafe-inline'",
        "img-src https: data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    )
)


@router.get("/docs", response_class=HTMLResponse)
async def docs() -> HTMLResponse:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})
