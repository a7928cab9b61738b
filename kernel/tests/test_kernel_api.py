"""The kernel's own typed routes, served by the kernel's middleware."""

from __future__ import annotations

import pytest
from small_kernel import kernel_routes

from serai.app.kernel_api import APIS
from serai.hosting.permissions import KERNEL_PERMISSIONS
from serai.identity import clients


@pytest.fixture
async def kernel(kernel_database, small_kernel):
    return await small_kernel(database=kernel_database, attach=kernel_routes(kernel_database))


async def test_the_kernels_routes_are_served_with_its_duties(kernel, kernel_database):
    _, key = await clients.add(kernel_database, name="monitor", owner="ops", scopes=["kernel:read"])
    _, other = await clients.add(kernel_database, name="portal", owner="hr", scopes=[])
    headers = {"Authorization": f"Bearer {key}"}
    async with kernel.client.get("/-/api/v1/plugins", headers=headers) as response:
        assert (response.status, await response.json()) == (200, [])
        assert response.headers["X-Request-Id"]
    async with kernel.client.get("/-/api/v1/plugins", headers={"Authorization": f"Bearer {other}"}) as response:
        assert (response.status, (await response.json())["permission"]) == (403, "kernel:read")
    async with kernel.client.get("/-/api/v1/plugins") as response:
        assert response.status == 401
    async with kernel.client.get("/-/api/openapi.json", headers=headers) as response:
        document = await response.json()
        assert "/-/api/v1/plugins" in document["paths"]
    assert ("kernel", "/-/api/v1/plugins", "GET", 200) in kernel.recorded.observed


def test_every_permission_of_the_kernels_routes_is_declared():
    asked = {route.permission for api in APIS for route in api.routes if route.permission}
    assert asked <= set(KERNEL_PERMISSIONS)
