"""Deliveries: one message to one person on one channel, decided once and sent until it arrives."""
