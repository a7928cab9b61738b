"""A client's own webhooks, over HTTP."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp import web
from msgspec import Struct

from serai.app.kernel_api import add_kernel_api
from serai.declarations import Topic
from serai.hosting.context import GuestContext
from serai.identity import clients
from serai.identity.audit import AuditLog
from serai.identity.fields import FieldPolicy
from serai.outgoing.client import HttpClient
from serai.outgoing.policy import Policy
from serai.web.cursors import Cursors
from serai.webhooks.deliveries import Deliveries
from serai.webhooks.service import deliveries_in
from serai.webhooks.topics import FollowedTopic, TopicBook
from serai.work.feed import Feed


class Greeted(Struct):
    text: str


GREETED = Topic(name="hello.greeted", payload=Greeted)
BODY = {"url": "https://portal.example/hook", "topics": ["hello.greeted"]}


@pytest.fixture
async def site(kernel_database, small_kernel):
    """A kernel that serves `/-/api/v1/webhooks`; it sends nothing."""
    http = HttpClient(Policy())
    topics = TopicBook()
    topics.add("hello", [FollowedTopic(GREETED, "hello:read", None, None)])
    feed = Feed(kernel_database)
    deliveries = deliveries_in(kernel_database)

    def attach(root: web.Application):
        context = GuestContext(
            "kernel",
            database=kernel_database,
            devices=None,
            queue=None,
            feed=feed,
            keys=None,
            audit=AuditLog(kernel_database, "kernel"),
            http=http,
            services=None,
            fields=FieldPolicy(),
            failed=pytest.fail,
        )
        for key, value in {HttpClient: http, TopicBook: topics, Deliveries: deliveries}.items():
            context.provide(key, value)
        return add_kernel_api(root, context, Cursors([b"k" * 32]))

    kernel = await small_kernel(database=kernel_database, attach=attach)

    async def caller(name, *scopes):
        _, key = await clients.add(kernel_database, name=name, owner="hr", scopes=scopes)

        async def ask(method, path, json=None, status=200):
            headers = {"Authorization": f"Bearer {key}"}
            url = f"/-/api/v1/webhooks{path}"
            async with kernel.client.request(method, url, json=json, headers=headers) as response:
                assert response.status == status, await response.text()
                return await response.json(content_type=None) if response.status != 204 else None

        return ask

    yield SimpleNamespace(caller=caller, feed=feed, deliveries=deliveries)
    await http.close()


async def test_a_client_makes_shows_switches_and_forgets_its_webhook(site):
    ask = await site.caller("portal", "kernel:webhooks", "hello:read")
    made = await ask("POST", "", BODY, status=201)
    assert made["secret"].startswith("whsec_")
    path = f"/{made['webhook']['id']}"
    assert await ask("GET", "") == [made["webhook"]]
    assert "secret" not in await ask("GET", path)
    assert (await ask("POST", path + "/disable"))["reason"] == "disabled by portal"
    assert (await ask("POST", path + "/enable"))["enabled"] is True
    assert (await ask("POST", path + "/rotate-secret"))["secret"] != made["secret"]
    await ask("POST", path + "/remove", status=204)
    await ask("GET", path, status=404)


async def test_another_client_sees_nothing_of_it(site):
    portal = await site.caller("portal", "kernel:webhooks", "hello:read")
    other = await site.caller("other", "kernel:webhooks", "hello:read")
    path = f"/{(await portal('POST', '', BODY, status=201))['webhook']['id']}"
    assert await other("GET", "") == []
    await other("GET", path, status=404)
    for verb in ("enable", "disable", "rotate-secret", "remove"):
        await other("POST", f"{path}/{verb}", status=404)
    await other("POST", path + "/replay", {"after": 0}, status=404)
    await other("GET", path + "/deliveries", status=404)


async def test_a_topic_takes_the_permission_of_the_route_that_shows_it(site):
    ask = await site.caller("portal", "kernel:webhooks")
    refused = await ask("POST", "", BODY, status=403)
    assert refused["permission"] == "hello:read"


async def test_unknown_topics_and_urls_that_may_not_be_reached_are_refused(site):
    ask = await site.caller("portal", "kernel:webhooks", "hello:read")
    (mistake,) = (await ask("POST", "", BODY | {"topics": ["hello.left"]}, status=400))["errors"]
    assert mistake == {"pointer": "/topics/0", "expected": "one of hello.greeted", "found": "'hello.left'"}
    for url in ("http://127.0.0.1/hook", "http://169.254.169.254/", "file:///etc/passwd", "http://u:p@portal.example/"):
        await ask("POST", "", BODY | {"url": url}, status=422)
    await ask("POST", "", BODY | {"topics": []}, status=400)


async def test_deliveries_are_listed_newest_first_in_pages_and_sent_again_on_request(site):
    ask = await site.caller("portal", "kernel:webhooks", "hello:read")
    webhook = (await ask("POST", "", BODY, status=201))["webhook"]["id"]
    for number in range(3):
        await site.feed.publish(GREETED, f"key {number}", Greeted("hello"))
    await site.deliveries.take(webhook)
    page = await ask("GET", f"/{webhook}/deliveries?limit=2")
    assert [each["key"] for each in page["items"]] == ["key 2", "key 1"]
    rest = await ask("GET", f"/{webhook}/deliveries?limit=2&cursor={page['next_cursor']}")
    assert [(each["key"], each["state"]) for each in rest["items"]] == [("key 0", "waiting")]
    await ask("POST", f"/{webhook}/replay", {"seq": page["items"][0]["seq"]}, status=409)
    await ask("POST", f"/{webhook}/replay", {"after": 0}, status=204)
    await ask("POST", f"/{webhook}/replay", {}, status=400)
