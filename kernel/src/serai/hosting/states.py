"""The states of a plugin in one process, and the reasons for them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import attrs

from serai.errors import SeraiError


class State(StrEnum):
    """Where a plugin is in its life. `running` and `degraded` serve; the others are answered by a stand-in."""

    DISABLED = "disabled"
    STOPPED = "stopped"
    BLOCKED = "blocked"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    DRAINING = "draining"
    FAILED = "failed"

    @property
    def serves(self) -> bool:
        return self in (State.RUNNING, State.DEGRADED)

    @property
    def settled(self) -> bool:
        """Whether the plugin is where it will stay until something changes."""
        return self not in (State.STARTING, State.DRAINING)


class Code(StrEnum):
    """Why a plugin is in its state, for programs; the sentence beside it is for people."""

    NONE = ""
    STOPPED_BY_OPERATOR = "stopped-by-operator"
    NO_PROCESS = "no-process"
    NOT_INSTALLED = "not-installed"
    INCOMPATIBLE = "incompatible"
    MISCONFIGURED = "misconfigured"
    MISSING_REQUIREMENT = "missing-requirement"
    CONFLICT = "conflict"
    SCHEMA_BEHIND = "schema-behind"
    SCHEMA_AHEAD = "schema-ahead"
    DEVICE_MISSING = "device-missing"
    DEVICE_DOWN = "device-down"
    SERVICE_DOWN = "service-down"
    IMPORT_FAILED = "import-failed"
    IMPORT_TIMEOUT = "import-timeout"
    HOOK_FAILED = "hook-failed"
    MIGRATION_FAILED = "migration-failed"
    START_FAILED = "start-failed"
    START_TIMEOUT = "start-timeout"
    SLOW_START = "slow-start"
    CRASH_LOOP = "crash-loop"
    ENDED_EARLY = "ended-early"
    UNHEALTHY = "unhealthy"


@attrs.frozen(kw_only=True)
class Status:
    """A state with since when, why, and what to do."""

    state: State
    since: datetime
    code: Code = Code.NONE
    reason: str = ""
    hint: str = ""

    @classmethod
    def of(cls, trouble: Trouble) -> Status:
        """Blocked or failed, from now on, for this reason."""
        state = State.BLOCKED if trouble.blocked else State.FAILED
        return cls(state=state, since=datetime.now(UTC), code=trouble.code, reason=trouble.sentence, hint=trouble.hint)


class Trouble(SeraiError):
    """A plugin cannot be in the state it is wanted in.

    `blocked` troubles wait for somebody to change something; the others are tried again by themselves.
    """

    blocked = False

    def __init__(self, code: Code, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence, hint=hint)
        self.code = code


class Blocked(Trouble):
    """Trying again would not help until the deployment changes."""

    blocked = True
