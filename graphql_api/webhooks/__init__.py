"""Webhooks: signed messages to other programs about what happens to customers."""
