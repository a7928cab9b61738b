"""`[kernel]`: the settings of the kernel itself."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
from msgspec import Meta

from serai.config import names
from serai.config.secret import Secret

SHORTEST_KEY = 32
"""Bytes of a key of the keyring."""

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9.-]+)):(?P<port>[0-9]{1,5})")

ORIGIN = re.compile(r"https?://[^\s/?#@]+/?")


def _check_networks(networks: tuple[str, ...]) -> None:
    for network in networks:
        try:
            ip_network(network)
        except ValueError:
            raise ValueError(f"list of networks, as 10.0.0.0/8; {network!r} is none") from None


@attrs.frozen(kw_only=True)
class DemoSettings:
    """`[kernel.demo]`: a deployment to look at, with a key, client and password of its own making."""

    scopes: Annotated[tuple[str, ...], Meta(description="What the demo's client may do.")] = ()
    show: Annotated[
        tuple[Annotated[str, Meta(pattern="^/")], ...],
        Meta(description="Paths that are printed at the start as `curl` lines."),
    ] = ()


@attrs.frozen(kw_only=True)
class OutgoingSettings:
    """`[kernel.outgoing]`: where plugins and webhooks may send requests to."""

    allow: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Networks (CIDR) that may be reached; empty: all public and private ones. Loopback, link-local and the "
                "like need an entry within them, this deployment's own address one for it alone."
            )
        ),
    ] = attrs.field(default=())

    @allow.validator
    def _check_allow(self, _: Any, allow: tuple[str, ...]) -> None:
        _check_networks(allow)


@attrs.frozen(kw_only=True)
class KernelSettings:
    """The `[kernel]` table; only `keys` has no default."""

    listen: Annotated[
        str, Meta(description="Address and port to serve on: `127.0.0.1:8080`, `[::]:8080`; port 0 takes a free one.")
    ] = attrs.field(default="127.0.0.1:8080")
    public_url: Annotated[
        str | None,
        Meta(description="Where clients reach this deployment; the `Host` of requests is checked against it."),
    ] = attrs.field(default=None)
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Networks (CIDR) of the proxies in front; only they may say who the client is."),
    ] = attrs.field(default=())
    database: Annotated[
        Secret,
        Meta(description="`embedded`, or the `postgresql://` URL of a database of PostgreSQL 14 or newer."),
    ] = attrs.field(default=Secret("embedded"))
    database_connections: Annotated[
        int, Meta(ge=4, le=1000, description="The most database connections that one process opens.")
    ] = 12
    plugins: Annotated[tuple[str, ...], Meta(description="Names of the plugins that this deployment runs.")] = (
        attrs.field(default=())
    )
    keys: Annotated[
        tuple[Secret, ...],
        Meta(
            description="The keyring, each key at least 32 bytes: the first encrypts and signs, all decrypt and verify."
        ),
    ] = attrs.field(default=())
    state_dir: Annotated[
        Path, Meta(description="Folder for what this host keeps; where relative, from the working directory.")
    ] = Path(".state")
    workers: Annotated[int, Meta(ge=1, le=256, description="Worker processes on the one listening socket.")] = 1
    start_timeout: Annotated[float, Meta(gt=0, le=3600, description="Seconds that a plugin may take to start.")] = 30.0
    stop_grace: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that running requests and jobs may take to finish at a stop.")
    ] = 10.0
    log_format: Annotated[
        Literal["console", "json"], Meta(description="Log lines for people, or one JSON object each.")
    ] = "console"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")
    ] = "info"
    auto_migrate: Annotated[
        bool,
        Meta(
            description="Migrate plugins at their start; an empty schema always is, others else by `serai db upgrade`."
        ),
    ] = False
    body_limit_max: Annotated[
        int, Meta(ge=1024, description="Bytes; no plugin takes a larger request body, whatever it asks for.")
    ] = 16 * 1024 * 1024
    client_rate: Annotated[
        float, Meta(gt=0, description="Requests a second that one client may send in the long run.")
    ] = 1000.0
    client_burst: Annotated[int, Meta(ge=1, description="Requests that one client may send at once.")] = 2000
    access_log_kept_months: Annotated[
        int, Meta(ge=1, le=120, description="Full months for which it is kept who was shown whose personal data.")
    ] = 12
    feed_kept_days: Annotated[int, Meta(ge=1, le=3650, description="Days for which the feed keeps what happened.")] = 30
    outgoing: Annotated[OutgoingSettings, Meta(description="Requests to other systems.")] = OutgoingSettings()
    demo: Annotated[
        DemoSettings | None, Meta(description="Makes this deployment a demo, which serves on a loopback address only.")
    ] = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`."""
        return _address(self.listen)

    @listen.validator
    def _check_listen(self, _: Any, listen: str) -> None:
        host, _port = _address(listen)
        if self.demo is not None and not _is_loopback(host):
            raise ValueError("a loopback address, as 127.0.0.1:8080, because this deployment is a demo")

    @public_url.validator
    def _check_public_url(self, _: Any, url: str | None) -> None:
        if url is not None and ORIGIN.fullmatch(url) is None:
            raise ValueError("URL without a path, as https://serai.example")

    @trusted_proxies.validator
    def _check_trusted_proxies(self, _: Any, networks: tuple[str, ...]) -> None:
        _check_networks(networks)

    @database.validator
    def _check_database(self, _: Any, database: Secret) -> None:
        dsn = database.reveal()
        if dsn != "embedded" and not dsn.startswith(("postgresql://", "postgres://")):
            raise ValueError("embedded, or text that begins with postgresql://")

    @plugins.validator
    def _check_plugins(self, _: Any, plugins: tuple[str, ...]) -> None:
        for name in plugins:
            fault = names.fault(name)
            if fault is not None:
                raise ValueError(f"list of plugin names; {name!r} {fault}")
        twice = sorted({name for name in plugins if plugins.count(name) > 1})
        if twice:
            raise ValueError(f"each plugin once; {', '.join(twice)} is there more than once")

    @keys.validator
    def _check_keys(self, _: Any, keys: tuple[Secret, ...]) -> None:
        if not keys and self.demo is None:
            raise ValueError('list of at least 1 key, as [{ file = "/run/secrets/serai-key" }]')
        for number, key in enumerate(keys, start=1):
            if len(key.reveal().encode()) < SHORTEST_KEY:
                raise ValueError(f"keys of at least {SHORTEST_KEY} bytes; key {number} is shorter")


def _address(listen: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(listen)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("text ADDRESS:PORT, as 127.0.0.1:8080 or [::1]:8080")
    return match["v6"] or match["host"], int(match["port"])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
