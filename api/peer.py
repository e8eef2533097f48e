"""Where a request comes from."""

from starlette.requests import HTTPConnection


def address_of(request: HTTPConnection) -> str:
    """The client's address; uvicorn has put a trusted proxy's word for it in place already."""
    return request.client.host if request.client else "unknown"
