"""Typed configuration: one TOML file per deployment."""

from serai.config.secret import Secret

__all__ = ["Secret"]
