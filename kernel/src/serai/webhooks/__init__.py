"""Webhooks: what happens in the feed, sent to clients' own systems (Standard Webhooks)."""
