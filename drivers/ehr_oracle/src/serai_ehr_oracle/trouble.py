"""What goes wrong between us and the database, said so that a person can act on it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import oracledb

from serai import DeviceDown, PluginError, SeraiError


@attrs.frozen
class _Trouble:
    """What an error code means: the rest of a sentence that begins with the database, and what to do."""

    said: str
    hint: str
    kind: type[SeraiError] = DeviceDown


_SETTINGS_HINT = "correct user and password in the device's settings; wrong attempts may lock the account"
_ACCOUNT_HINT = "the database's administrator has to open the account"
_ADDRESS_HINT = "compare the dsn with what the listener knows (lsnrctl services)"
_NO_ADDRESS = _Trouble("is not found by this dsn", 'write "tcps://host:port/service"', PluginError)
_ENCRYPTION_HINT = "use a tcps address: the client does not speak Oracle's native network encryption"

_SLOW = _Trouble(
    "did not answer in time",
    "see that the server is up and no firewall is between; where it is only slow, make statement_timeout longer",
)

_NETWORK: dict[type[BaseException], _Trouble] = {
    ssl.SSLError: _Trouble(
        "has a certificate that is not trusted, or speaks no TLS",
        "the wallet has to hold the authority that signed it, dsn or server_dn the name in it",
        PluginError,
    ),
    socket.gaierror: _Trouble("has a host name that is not known", "correct the host in dsn"),
    ConnectionRefusedError: _Trouble("cannot be reached: nothing listens there", "start the listener, or correct dsn"),
    TimeoutError: _SLOW,
}

_KNOWN = {
    "DPY-4011": _Trouble("went away", "the next reading connects anew; see that the server is up and reachable"),
    "DPY-4024": _SLOW,
    "DPY-4000": _NO_ADDRESS,
    "DPY-4017": _NO_ADDRESS,
    "DPY-4018": _NO_ADDRESS,
    "DPY-4021": _NO_ADDRESS,
    "DPY-4027": _NO_ADDRESS,
    "ORA-01013": _Trouble("gave up", "somebody cancelled the query, or a limit of the account's profile did"),
    "ORA-01555": _Trouble("has overwritten the past that was being read", "read at a quieter time, or with more undo"),
    "ORA-01033": _Trouble("is starting or stopping", "it is tried again"),
    "ORA-01034": _Trouble("is not open", "it is tried again"),
    "ORA-00018": _Trouble("has no session to spare", "the database's administrator can raise its limit"),
    "ORA-00020": _Trouble("has no process to spare", "the database's administrator can raise its limit"),
    "ORA-02391": _Trouble("has no session to spare for this account", "its profile limits them"),
    "ORA-12516": _Trouble("has no connection to spare", "the database's administrator can raise its limit"),
    "ORA-12520": _Trouble("has no connection to spare", "the database's administrator can raise its limit"),
    "DPY-6000": _Trouble("was refused by its listener", _ADDRESS_HINT),
    "DPY-6001": _Trouble("is not known to the listener under this service name", _ADDRESS_HINT),
    "DPY-6003": _Trouble("is not known to the listener under this SID", _ADDRESS_HINT),
    "DPY-6005": _Trouble("cannot be reached", "see that the server is up, and that host and port in dsn are right"),
    "ORA-01017": _Trouble("refused the user's name or password", _SETTINGS_HINT, PluginError),
    "ORA-01005": _Trouble("refused an empty password", _SETTINGS_HINT, PluginError),
    "ORA-28000": _Trouble("has locked the account", _ACCOUNT_HINT, PluginError),
    "ORA-28001": _Trouble("says that the password has expired", _ACCOUNT_HINT, PluginError),
    "ORA-01045": _Trouble("does not let the account in", "grant create session to it", PluginError),
    "ORA-12660": _Trouble("insists on native encryption", _ENCRYPTION_HINT, PluginError),
    "DPY-3001": _Trouble("asks for what the client cannot do", _ENCRYPTION_HINT, PluginError),
    "DPY-3010": _Trouble("is older than 12.1", "ehr_postgres can read a copy of the views", PluginError),
    "DPY-3015": _Trouble("stores the password in an old form", "set the password anew on the server", PluginError),
    "DPY-6002": _Trouble("has a certificate of another name", "correct dsn or server_dn", PluginError),
    "ORA-00942": _Trouble("lacks a view or the right to it", "`check` names the view", PluginError),
}
"""By error code. Only the code is told besides: Oracle's texts may quote data (ORA-01722 does from 23ai on)."""


@contextmanager
def explained(device: str, doing: str) -> Iterator[None]:
    """Turn the client's errors into ours.

    `DeviceDown` where trying again later can help, `PluginError` where somebody has to change something. The client's
    own error is not chained: its text may hold data or parts of the settings.
    """
    try:
        yield
    except (oracledb.Error, OSError, EOFError) as error:
        trouble, code = _cause(error)
        told = f"device {device}: Oracle {trouble.said} while {doing} ({code})"
        raise trouble.kind(told, hint=trouble.hint) from None


def _cause(error: BaseException) -> tuple[_Trouble, str]:
    """What is known of an error or of what lies below it, the deepest first: the client merely hands that on."""
    for below in reversed(list(_chain(error))):
        for kind, trouble in _NETWORK.items():
            if isinstance(below, kind):
                return trouble, kind.__name__
        for code in _codes(below):
            if code in _KNOWN:
                return _KNOWN[code], code
    codes = _codes(error)
    if not codes:
        return _KNOWN["DPY-4011"], type(error).__name__
    kind_of_it = DeviceDown if error.args[0].isrecoverable else PluginError
    return _Trouble("refused", f"look up {codes[0]} in Oracle's list of errors", kind_of_it), codes[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    below: BaseException | None = error
    while below is not None:
        yield below
        below = below.__cause__ or below.__context__


def _codes(error: BaseException) -> list[str]:
    """Oracle's code, and the client's own where it has one for it."""
    if not isinstance(error, oracledb.Error):
        return []
    info = error.args[0]
    return [f"ORA-{info.code:05}", info.full_code] if info.code else [info.full_code]
