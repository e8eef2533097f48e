"""Observers: long tasks that watch something outside, each running exactly once."""
