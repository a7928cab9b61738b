from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace
from typing import Annotated

import attrs
import pytest
import structlog
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import text
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from serai import Personal, PersonalField
from serai.declarations import Retry, Topic
from serai.errors import Conflict, NotFound
from serai.identity import clients
from serai.identity.fields import FieldPolicy
from serai.outgoing.client import HttpClient
from serai.outgoing.policy import Policy
from serai.webhooks import registry
from serai.webhooks.dispatcher import Dispatcher
from serai.webhooks.sender import deliver_webhook
from serai.webhooks.service import Webhooks
from serai.webhooks.topics import FollowedTopic
from serai.work.feed import Feed
from serai.work.task_runner import TaskRunner


class Greeted(Struct):
    text: str
    secret: Annotated[str | UnsetType, Personal("hello.secret")] = UNSET


GREETED = Topic(name="hello.greeted", payload=Greeted)
QUICK = Retry((0.01, 0.01))


def _unless_hidden(_context, who, event):
    return None if event.key == "hidden" and not who.may("hello:hidden") else event


class Receiver:
    """A client's own system: keeps what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: list[SimpleNamespace] = []

    async def hear(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        status = self.statuses.pop(0) if self.statuses else 204
        self.got.append(SimpleNamespace(body=body, headers=request.headers, status=status, json=json.loads(body)))
        if status == 0:  # cut the connection
            request.transport.abort()
        return web.Response(status=status or 500)

    @property
    def delivered(self) -> list[str]:
        return [each.json["data"]["payload"]["text"] for each in self.got if each.status == 204]


@pytest.fixture
async def receiver(aiohttp_server):
    heard = Receiver()
    app = web.Application()
    app.router.add_post("/hook", heard.hear)
    server = await aiohttp_server(app)
    heard.url = str(server.make_url("/hook"))
    return heard


@pytest.fixture
async def house(kernel_database):
    """A kernel's webhooks in one process, with the topic `hello.greeted`."""
    async with contextlib.AsyncExitStack() as stack:
        database = kernel_database
        log = structlog.get_logger()
        feed = Feed(database)
        feed.start()
        http = HttpClient(Policy(["127.0.0.0/8"]))
        stack.push_async_callback(http.close)
        tasks = TaskRunner(database, "p1", log)
        tasks.start()
        stack.push_async_callback(tasks.stop, 1.0)
        task = attrs.evolve(deliver_webhook, retry=QUICK)
        webhooks = Webhooks(database, tasks=tasks, feed=feed, http=http, log=log, task=task)
        policy = FieldPolicy(relations=lambda: None)
        policy.declare([PersonalField("hello.secret", "A secret", clear=("hello:secrets",))])
        plugin = SimpleNamespace(fields=policy)
        webhooks.topics.add("hello", [FollowedTopic(GREETED, "hello:read", _unless_hidden, plugin)])
        provided = {}
        context = SimpleNamespace(provide=provided.__setitem__, get=provided.__getitem__)
        webhooks.start(context, "1.0")
        stack.push_async_callback(webhooks.stop)
        client, _ = await clients.add(database, name="portal", owner="hr", scopes=["hello:read"])
        yield SimpleNamespace(
            database=database, feed=feed, deliveries=webhooks.deliveries, topics=webhooks.topics, client=client
        )


@pytest.fixture
def subscribe(house, receiver):
    async def make():
        return await registry.add(
            house.database,
            client_id=house.client.id,
            url=receiver.url,
            topics=["hello.greeted"],
            who="portal",
            position=await house.feed.head(),
        )

    return make


@pytest.fixture
def log_of(house):
    async def look(webhook):
        records = await house.deliveries.list(webhook.id, None, 2**62, 1000)
        return [(each.key, each.state, each.attempts, each.status) for each in records[::-1]]

    return look


async def test_what_happens_is_sent_signed_as_the_reference_library_expects(house, receiver, subscribe, eventually):
    _, secret = await subscribe()
    await house.feed.publish(GREETED, "ada", Greeted("你好"))
    await eventually(lambda: receiver.got)
    (message,) = receiver.got
    body = Verifier(secret).verify(message.body, dict(message.headers))
    assert (body["type"], body["data"]["key"], body["data"]["payload"]) == ("hello.greeted", "ada", {"text": "你好"})
    assert message.headers["webhook-id"].startswith("msg_")
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(message.body + b" ", dict(message.headers))


async def test_a_client_is_told_what_it_may_see(house, receiver, subscribe, eventually, log_of):
    webhook, _ = await subscribe()
    await house.feed.publish(GREETED, "hidden", Greeted("nobody"))
    await house.feed.publish(GREETED, "ada", Greeted("hello", secret="12345"))
    await eventually(lambda: receiver.got)
    assert [message.json["data"]["payload"] for message in receiver.got] == [{"text": "hello"}]

    async def only_ada():
        return [(key, state) for key, state, *_ in await log_of(webhook)] == [("ada", "delivered")]

    await eventually(only_ada)


async def test_only_what_happens_after_it_was_made_is_sent(house, receiver, subscribe, eventually):
    await house.feed.publish(GREETED, "ada", Greeted("before"))
    await subscribe()
    await house.feed.publish(GREETED, "ada", Greeted("after"))
    await eventually(lambda: receiver.delivered == ["after"])


async def test_that_a_thing_is_gone_is_sent_too(house, receiver, subscribe, eventually):
    await subscribe()
    await house.feed.publish(GREETED, "ada", None)
    await eventually(lambda: [each.json["data"]["payload"] for each in receiver.got] == [None])


@pytest.mark.parametrize("trouble", [500, 302, 0])
async def test_a_failure_is_tried_again_with_the_same_id(house, receiver, subscribe, eventually, log_of, trouble):
    webhook, _ = await subscribe()
    receiver.statuses = [trouble]
    await house.feed.publish(GREETED, "ada", Greeted("hello"))
    await eventually(lambda: receiver.delivered == ["hello"])
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 1

    async def recorded():
        return await log_of(webhook) == [("ada", "delivered", 2, 204)]

    await eventually(recorded)
    assert (await registry.get(house.database, webhook.id)).failing_since is None


async def test_events_of_one_key_wait_for_each_other_and_others_do_not(house, receiver, subscribe, eventually):
    await subscribe()
    receiver.statuses = [500]
    for number in range(3):
        await house.feed.publish(GREETED, "ada", Greeted(f"ada {number}"))
    for number in range(3):
        await house.feed.publish(GREETED, "bob", Greeted(f"bob {number}"))
    await eventually(lambda: len(receiver.delivered) == 6)
    assert [each for each in receiver.delivered if each.startswith("ada")] == ["ada 0", "ada 1", "ada 2"]
    assert [each for each in receiver.delivered if each.startswith("bob")] == ["bob 0", "bob 1", "bob 2"]


async def test_after_the_last_attempt_it_has_failed_and_the_next_one_goes(
    house, receiver, subscribe, eventually, log_of
):
    webhook, _ = await subscribe()
    receiver.statuses = [500, 500, 500]
    await house.feed.publish(GREETED, "ada", Greeted("lost"))
    await house.feed.publish(GREETED, "ada", Greeted("next"))
    await eventually(lambda: receiver.delivered == ["next"])

    async def recorded():
        return await log_of(webhook) == [("ada", "failed", 3, 500), ("ada", "delivered", 1, 204)]

    await eventually(recorded)


async def test_410_disables_it_and_what_waits_is_sent_when_it_is_enabled(house, receiver, subscribe, eventually):
    webhook, _ = await subscribe()
    receiver.statuses = [410]
    await house.feed.publish(GREETED, "ada", Greeted("one"))

    async def disabled():
        found = await registry.get(house.database, webhook.id)
        return None if found.enabled else found

    assert (await eventually(disabled)).reason == "the receiver answered 410 Gone"
    await house.feed.publish(GREETED, "ada", Greeted("two"))
    await house.deliveries.enable(webhook.id, "ada")
    await eventually(lambda: receiver.delivered == ["one", "two"])
    assert (await registry.get(house.database, webhook.id)).switched_by == "ada"


async def test_it_is_disabled_when_nothing_could_be_delivered_for_days(house, receiver, subscribe, eventually):
    webhook, _ = await subscribe()
    async with house.database.begin() as connection:
        await connection.execute(text("update serai.webhook set failing_since = now() - interval '6 days'"))
    receiver.statuses = [500]
    await house.feed.publish(GREETED, "ada", Greeted("one"))

    async def disabled():
        found = await registry.get(house.database, webhook.id)
        return None if found.enabled else found

    assert (await eventually(disabled)).reason.startswith("nothing could be delivered since ")


async def test_it_ends_with_its_clients_permission(house, receiver, subscribe, eventually):
    webhook, _ = await subscribe()
    await clients.revoke(house.database, "portal")
    await house.feed.publish(GREETED, "ada", Greeted("secret"))

    async def disabled():
        found = await registry.get(house.database, webhook.id)
        return None if found.enabled else found

    assert (await eventually(disabled)).reason == "its client is revoked"
    assert receiver.got == []


async def test_after_rotation_both_secrets_verify(house, receiver, subscribe, eventually):
    webhook, old = await subscribe()
    new = await registry.rotate(house.database, webhook.id, house.client.id)
    await house.feed.publish(GREETED, "ada", Greeted("hello"))
    await eventually(lambda: receiver.got)
    for secret in (old, new):
        Verifier(secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))


async def test_an_event_is_sent_again_on_request_and_all_from_a_point(house, receiver, subscribe, eventually):
    start = await house.feed.head()
    webhook, _ = await subscribe()
    for word in ("one", "two"):
        await house.feed.publish(GREETED, "ada", Greeted(word))
    await eventually(lambda: receiver.delivered == ["one", "two"])

    async def settled():
        records = await house.deliveries.list(webhook.id, None, 2**62, 10)
        return [each.state for each in records] == ["delivered", "delivered"] and records

    two, one = await eventually(settled)
    await house.deliveries.replay(webhook.id, one.seq)
    await eventually(lambda: receiver.delivered == ["one", "two", "one"])
    await eventually(settled)
    await house.deliveries.replay_from(webhook.id, start)
    await eventually(lambda: receiver.delivered == ["one", "two", "one", "one", "two"])
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 2
    with pytest.raises(NotFound):
        await house.deliveries.replay(webhook.id, two.seq + 1000)
    with pytest.raises(Conflict):
        await house.deliveries.replay_from(webhook.id, two.seq + 1000)


async def test_what_two_processes_hear_of_is_sent_once(house, receiver, subscribe, eventually):
    await subscribe()
    other = Dispatcher(house.database, house.deliveries, house.topics, structlog.get_logger())
    other.start()
    for number in range(20):
        await house.feed.publish(GREETED, f"key {number}", Greeted(str(number)))
    await eventually(lambda: len(receiver.delivered) == 20)
    await other.stop()
    assert len({each.headers["webhook-id"] for each in receiver.got}) == 20


async def test_another_clients_webhook_is_not_there(house, subscribe):
    webhook, _ = await subscribe()
    for refused in (
        registry.get(house.database, webhook.id, "cl_other"),
        registry.rotate(house.database, webhook.id, "cl_other"),
        registry.remove(house.database, webhook.id, "cl_other"),
    ):
        with pytest.raises(NotFound):
            await refused
    await registry.remove(house.database, webhook.id, house.client.id)
    assert await registry.list_webhooks(house.database) == []
