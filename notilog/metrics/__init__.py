"""Metrics: what all processes count, added up in the database, in the terms of Prometheus."""
