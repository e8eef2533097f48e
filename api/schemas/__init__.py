"""Shapes of requests and answers, one file per room."""
