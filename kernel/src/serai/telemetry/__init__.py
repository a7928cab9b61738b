"""Logs and metrics, each with the plugin, request or run it belongs to."""
