"""The feed in a real deployment: a plugin tells, itself and a client hear, an operator looks on."""

from __future__ import annotations

import http.client
import json
from contextlib import closing, contextmanager

import pytest

TELLER = '''
from msgspec import Struct
from serai import Api, Call, Context, Event, PluginInfo, Topic, hookimpl, subscription


class Told(Struct, frozen=True, kw_only=True):
    """Something was told."""

    text: str


class Tale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to tell."""

    text: str


TOLD = Topic(name="teller.told", payload=Told)
api = Api()
api.feed("/tales", topics=[TOLD], permission="teller:read")
broken = [True]


@api.post("/tell", permission="teller:read")
async def tell(call: Call, body: Tale) -> None:
    """Tell it."""
    async with call.ctx.db.begin() as connection:
        await call.ctx.feed.publish(TOLD, body.text, Told(text=body.text), connection=connection)


@subscription(TOLD, attempts=1)
async def on_told(ctx: Context, event: Event[Told]) -> None:
    """Listen."""
    if event.payload.text == "bad" and broken and broken.pop():
        raise ValueError("a secret")
    ctx.log.info("heard", number=event.seq)


@hookimpl
def plugin_info():
    return PluginInfo(title="Teller", kernel=">=1.0,<2", permissions={"teller:read": "Hear"}, topics=[TOLD])


@hookimpl
def register_routes():
    return [api]


@hookimpl
def register_jobs():
    return [on_told]
'''


@pytest.fixture
def serai(run_serai, install_wheels):
    serai = run_serai(f'[kernel]\nplugins = ["teller"]\nkeys = ["{"k" * 48}"]\n', install_wheels({"teller": TELLER}))
    serai.start()
    serai.wait_ready()
    serai.add_client("teller:read")
    return serai


@contextmanager
def answer(serai, method, path, body=None, **headers):
    with closing(http.client.HTTPConnection("127.0.0.1", serai.port, timeout=60)) as connection:
        connection.request(method, path, body, {"Authorization": f"Bearer {serai.key}", **headers})
        with connection.getresponse() as response:
            yield response


def tell(serai, text):
    body, headers = json.dumps({"text": text}), {"Content-Type": "application/json"}
    with answer(serai, "POST", "/teller/api/v1/tell", body, **headers) as response:
        assert response.status == 204


def test_what_is_told_is_heard_by_clients_and_subscribers_and_seen_by_operators(serai, until):
    def subscriber():
        (found,) = json.loads(serai.cli("feed", "--json").stdout)["subscribers"]
        return found

    with answer(serai, "GET", "/teller/api/v1/tales?since=now", Accept="text/event-stream") as stream:
        assert stream.status == 200
        tell(serai, "good")
        tell(serai, "bad")
        heard = []
        while len(heard) < 2:
            line = stream.readline()
            if line.startswith(b"data: "):
                heard.append(json.loads(line.removeprefix(b"data: "))["data"])
        assert heard == [{"text": "good"}, {"text": "bad"}]
        serai.cli("restart", "teller")
        assert stream.read().endswith(b"\n\n"), "a stream ends with a whole event"

    until(lambda: subscriber()["dead"] == 1, "a dead letter")
    assert subscriber()["lag"] == 0
    (letter,) = json.loads(serai.cli("feed", "dead", "--json").stdout)
    assert letter["subscriber"] == "teller.on_told"
    assert "secret" not in letter["error"]
    assert "again: 1" in serai.cli("feed", "retry", "teller.on_told").stderr
    until(lambda: subscriber()["dead"] == subscriber()["waiting"] == 0, "the letter to be heard")
