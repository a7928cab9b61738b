"""`serai run`: holds the listening socket and the embedded PostgreSQL, keeps workers alive, runs no plugin code."""

from serai.supervisor.supervisor import Supervisor

__all__ = ["Supervisor"]
