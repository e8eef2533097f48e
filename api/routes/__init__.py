"""Endpoints, one file per room; ``api.main.ROUTERS`` lists them."""
