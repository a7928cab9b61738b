"""scim2-tester passes whole against a deployment that takes writes, with people of the HR system in it."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote, urlsplit

from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

from serai_isapi.scim.models import ENTERPRISE


def bridge(client, loop):
    """A WSGI application that asks `client` on its event loop."""

    def app(environ, start_response):
        headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        headers["Content-Type"] = environ.get("CONTENT_TYPE", "")
        path = unquote(environ["PATH_INFO"]).removeprefix(urlsplit(client.ROOT).path)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        sending = client.send(environ["REQUEST_METHOD"], path, body, query=environ["QUERY_STRING"], headers=headers)
        answer = asyncio.run_coroutine_threadsafe(sending, loop).result(30)
        start_response(f"{answer.status} Said", list(answer.headers.items()))
        return [answer.body]

    return app


async def test_every_check_of_the_tester_succeeds(house, scim):
    await house.sync()
    client = scim("isapi:write", writes=True)
    tested = WSGISCIMClient(bridge(client, asyncio.get_running_loop()), base_url=client.ROOT)
    results = await asyncio.to_thread(check_server, tested)
    failed = [f"{result.title}: {result.reason}" for result in results if result.status is not Status.SUCCESS]
    assert not failed
    assert len(results) > 130
    assert ENTERPRISE in str(tested.provider.model_for("User").model_fields)
