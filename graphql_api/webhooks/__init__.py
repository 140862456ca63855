"""Webhooks: signed messages to other programs about events of customers."""
