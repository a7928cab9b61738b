"""What identity providers send beside the standard is understood, and never takes more than it names."""

from __future__ import annotations

import pytest

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture
async def client(scim):
    return scim("isapi:write", writes=True)


@pytest.fixture
async def user(client):
    answer = await client.send("POST", "/Users", {"schemas": [USER], "userName": "zoe", "displayName": "Zoe"})
    assert answer.status == 201, answer.json
    return answer.json["id"]


@pytest.fixture
async def group(client, user):
    members = [{"value": user}, {"value": "0001"}, {"value": "0002"}]
    answer = await client.send("POST", "/Groups", {"displayName": "Readers", "members": members})
    assert answer.status == 201, answer.json
    return answer.json["id"]


async def patched(client, path, *operations, **document):
    answer = await client.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations), **document})
    assert answer.status in {200, 204}, answer.json
    return await client.get(path)


async def members(client, group):
    return [member["value"] for member in (await client.get(f"/Groups/{group}")).get("members", [])]


@pytest.mark.parametrize("value", ["False", "false", False, {"active": "False"}])
async def test_booleans_come_as_texts_too(client, user, value):
    operation = {"op": "Replace", "value": value} if isinstance(value, dict) else {
        "op": "Replace", "path": "active", "value": value
    }  # fmt: skip
    assert (await patched(client, f"/Users/{user}", operation))["active"] is False


async def test_members_say_their_groups(client, user, group):
    (found,) = (await client.get(f"/Users/{user}"))["groups"]
    assert (found["value"], found["display"], found["type"]) == (group, "Readers", "direct")
    assert found["$ref"] == f"{client.ROOT}/Groups/{group}"


async def test_booleans_come_as_texts_in_whole_documents(client):
    answer = await client.send("POST", "/Users", {"schemas": [USER], "userName": "yan", "active": "True"})
    assert answer.json["active"] is True


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": 'members[value eq "0001"]'},
        {"op": "Remove", "path": "members", "value": [{"value": "0001"}]},
        {"op": "Remove", "path": "members", "value": [{"$ref": None, "value": "0001"}]},
        {"op": "Remove", "path": "members", "value": {"value": "0001"}},
    ],
    ids=["path filter", "list", "list with $ref", "object"],
)
async def test_removing_by_value_takes_that_member_only(client, user, group, operation):
    await patched(client, f"/Groups/{group}", operation)
    assert await members(client, group) == [user, "0002"]


async def test_removing_without_a_path_is_refused(client, group):
    operation = {"op": "remove", "value": {"members": [{"value": "0001"}]}}
    answer = await client.send("PATCH", f"/Groups/{group}", {"Operations": [operation]})
    assert (answer.status, answer.json["scimType"]) == (400, "noTarget")
    assert len(await members(client, group)) == 3


@pytest.mark.parametrize("value", [[], [{"value": "nobody"}], "nobody", [{}], {}])
async def test_removing_nothing_removes_nothing(client, user, group, value):
    answer = await client.send(
        "PATCH", f"/Groups/{group}", {"Operations": [{"op": "Remove", "path": "members", "value": value}]}
    )
    assert answer.status < 500
    assert await members(client, group) == [user, "0001", "0002"]


async def test_removing_the_path_removes_all(client, group):
    await patched(client, f"/Groups/{group}", {"op": "remove", "path": "members"})
    assert await members(client, group) == []


async def test_a_patch_without_schemas_and_in_odd_spelling(client, user):
    answer = await client.send(
        "PATCH", f"/Users/{user}", {"operations": [{"OP": "ADD", "Path": "DISPLAYNAME", "Value": "Zoe Z."}]}
    )
    assert answer.status in {200, 204}, answer.json
    assert (await client.get(f"/Users/{user}"))["displayName"] == "Zoe Z."


async def test_dotted_paths_as_keys(client, user):
    operation = {"op": "Add", "value": {"name.givenName": "Zoe", f"{ENTERPRISE}:department": "Press", "title": "Boss"}}
    found = await patched(client, f"/Users/{user}", operation)
    assert found["name"] == {"givenName": "Zoe"}
    assert found[ENTERPRISE] == {"department": "Press"}
    assert found["title"] == "Boss"


async def test_an_entry_that_a_path_describes_is_made(client, user):
    operation = {"op": "Add", "path": 'emails[type eq "work"].value', "value": "zoe@corp.example"}
    assert (await patched(client, f"/Users/{user}", operation))["emails"] == [
        {"type": "work", "value": "zoe@corp.example"}
    ]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "Add", "path": f"{ENTERPRISE}:manager", "value": "0001"},
        {"op": "Add", "value": {f"{ENTERPRISE}:manager": "0001"}},
    ],
)
async def test_the_manager_may_be_named_by_its_id_alone(client, user, operation):
    assert (await patched(client, f"/Users/{user}", operation))[ENTERPRISE]["manager"]["value"] == "0001"


async def test_attributes_that_nobody_declared_are_left_aside(client):
    document = {"schemas": [USER, "urn:x:unknown"], "userName": "xu", "urn:x:unknown": {"a": 1}, "colour": "red"}
    answer = await client.send("POST", "/Users", document)
    assert answer.status == 201, answer.json
    assert "colour" not in answer.json


async def test_what_does_not_fit_is_told_in_a_sentence(client, user):
    operation = {"op": "replace", "path": "active", "value": "perhaps"}
    answer = await client.send("PATCH", f"/Users/{user}", {"Operations": [operation]})
    assert (answer.status, answer.json["scimType"]) == (400, "invalidValue")
    assert answer.json["detail"] == "active: Input should be a valid boolean, unable to interpret input"


async def test_a_document_without_schemas(client):
    assert (await client.send("POST", "/Users", {"userName": "wei"})).status == 201


async def test_a_password_is_taken_and_kept_nowhere(client, house):
    answer = await client.send("POST", "/Users", {"schemas": [USER], "userName": "vi", "password": "hunter2"})
    assert answer.status == 201
    assert "password" not in answer.json
    (row,) = await house.rows("select content::text from isapi.scim_resource where user_name = 'vi'")
    assert "hunter2" not in row["content"]
