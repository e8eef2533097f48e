"""Where a request comes from."""

from fastapi import Request


def address_of(request: Request) -> str:
    """The client's address; uvicorn has put a trusted proxy's word for it in place already."""
    return request.client.host if request.client else "unknown"
