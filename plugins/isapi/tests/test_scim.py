"""SCIM over the people and departments of the HR system: what they look like, how they are found, what is refused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import date

import pytest

from serai_isapi.scim.models import ENTERPRISE, LARGEST_PAGE

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


@pytest.fixture
async def client(house, company, scim):
    """Of a caller who sees no private numbers."""
    company.add(
        "CONTACT", emplid="0004", contact_kind="PHONE", contact_type="CELL", country_code="86",
        contact_value="13800138000",
    )  # fmt: skip
    company.add("CONTACT", emplid="0004", contact_kind="PHONE", contact_type="BUSN", contact_value="8001")
    await house.sync()
    return scim()


async def ids(client, **parameters) -> list[str]:
    return [found["id"] for found in (await client.get("/Users", **parameters)).get("Resources", [])]


async def test_a_person_as_a_user(client):
    root = client.ROOT
    found = await client.get("/Users/0004")
    assert found.pop("meta").pop("version").startswith('W/"')
    assert found == {
        "schemas": [USER, ENTERPRISE],
        "id": "0004",
        "externalId": "0004",
        "userName": "xiuouyang",
        "name": {"formatted": "欧阳修"},
        "displayName": "欧阳修",
        "userType": "employee",
        "title": "工程师",
        "active": True,
        "emails": [{"value": "xiuouyang@corp.example", "type": "work", "primary": True}],
        "phoneNumbers": [{"value": "8001", "type": "work", "primary": True}],
        "groups": [
            {"value": "CN.D3", "$ref": f"{root}/Groups/CN.D3", "display": "平台组", "type": "direct"},
            {"value": "CN.D2", "$ref": f"{root}/Groups/CN.D2", "display": "技术部", "type": "indirect"},
            {"value": "CN.D1", "$ref": f"{root}/Groups/CN.D1", "display": "集团", "type": "indirect"},
        ],
        ENTERPRISE: {
            "employeeNumber": "0004",
            "organization": "C01",
            "department": "平台组",
            "manager": {"value": "0003", "$ref": f"{root}/Users/0003", "displayName": "王芳"},
        },
    }


async def test_a_department_as_a_group(client):
    root = client.ROOT
    found = await client.get("/Groups/CN.D2")
    assert found["displayName"] == "技术部"
    assert found["externalId"] == "D2"
    assert found["members"] == [
        {"value": "0002", "$ref": f"{root}/Users/0002", "type": "User", "display": "曾丽"},
        {"value": "CN.D3", "$ref": f"{root}/Groups/CN.D3", "type": "Group", "display": "平台组"},
    ]
    assert "members" not in await client.get("/Groups/CN.D2", excludedAttributes="members")
    assert [group["id"] for group in (await client.get("/Groups", filter='members eq "0004"'))["Resources"]] == [
        "CN.D3"
    ]


async def test_private_numbers_need_their_permission_to_be_seen_and_to_be_searched(client, scim):
    question = {"filter": 'phoneNumbers[type eq "mobile" and value ew "8000"]'}
    assert await ids(client, **question) == []
    assert await ids(client, filter='phoneNumbers co "8000"') == []
    trusted = scim("isapi:contact")
    assert await ids(trusted, **question) == ["0004"]
    numbers = (await trusted.get("/Users/0004"))["phoneNumbers"]
    assert {"value": "+86 13800138000", "type": "mobile", "primary": False} in numbers


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ('userName eq "XiuOuyang"', ["0004"]),
        ('USERNAME Eq "xiuouyang"', ["0004"]),
        (f'{USER}:userName eq "xiuouyang"', ["0004"]),
        ('externalId eq "0001"', ["0001"]),
        ('id eq "0001" or id eq "0002"', ["0001", "0002"]),
        ('emails.value eq "LIZENG@corp.example"', ["0002"]),
        ('emails[type eq "work" and value sw "li"]', ["0002"]),
        ('emails[type eq "home"]', []),
        ('displayName co "伟"', ["0001"]),
        ('name.formatted ew "芳" and active eq true', ["0003"]),
        (f'{ENTERPRISE}:manager.value eq "0003"', ["0004"]),
        (f'{ENTERPRISE}:department eq "平台组"', ["0003", "0004"]),
        ("not (title pr)", []),
        ("not (phoneNumbers pr)", ["0001", "0002", "0003"]),
        ('active eq "True"', ["0001", "0002", "0003", "0004"]),
        ("active eq false", []),
        ("nickName pr", []),
        ('nickName ne "x"', ["0001", "0002", "0003", "0004"]),
        ('meta.lastModified gt "2020-01-01T00:00:00Z"', []),
        (r'userName eq "x\"; drop table isapi.employee; --"', []),
    ],
)
async def test_people_are_found(client, question, found):
    answer = await client.get("/Users", filter=question)
    assert [user["id"] for user in answer.get("Resources", [])] == found
    assert answer["totalResults"] == len(found)


async def test_a_leaver_is_there_and_inactive(house, company, scim):
    company.person("0005", "赵四", rtx_id="sizhao")
    company.job("0005", effdt=date(2025, 1, 1), empl_status="T", action="TER")
    await house.sync()
    assert (await scim().get("/Users/0005"))["active"] is False


async def test_one_account_is_one_persons_user_name(house, company, scim):
    company.person("0005", "赵四", rtx_id="sizhao", empl_status="T")
    company.person("0006", "赵四", rtx_id="SiZhao")
    company.person("0007", "钱五")
    await house.sync()
    client = scim()
    names = {user["id"]: user["userName"] for user in (await client.get("/Users"))["Resources"]}
    assert (names["0005"], names["0006"], names["0007"]) == ("0005", "SiZhao", "0007")
    assert await ids(client, filter='userName eq "sizhao"') == ["0006"]
    assert await ids(client, filter='userName eq "0005"') == ["0005"]


async def test_sorting(client):
    assert await ids(client, sortBy="userName") == ["0003", "0002", "0001", "0004"]
    assert await ids(client, sortBy="username", sortOrder="descending") == ["0004", "0001", "0002", "0003"]
    assert await ids(client, sortBy="phoneNumbers") == ["0004", "0001", "0002", "0003"]
    assert await ids(client, sortBy=f"{ENTERPRISE}:manager.value", sortOrder="descending") != []


async def test_pages_by_index_and_by_cursor(client):
    page = await client.get("/Users", startIndex="2", count="2")
    assert [user["id"] for user in page["Resources"]] == ["0002", "0003"]
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (4, 2, 2)
    assert (await client.get("/Users", count="0"))["totalResults"] == 4
    assert (await client.get("/Users", startIndex="99"))["totalResults"] == 4
    assert (await client.get("/Users", startIndex="99999999999999999999"))["totalResults"] == 4
    assert (await client.get("/Users", count="99999999999999999999"))["itemsPerPage"] == 4

    pages = [await client.get("/Users", cursor="", count="3", sortBy="userName")]
    pages.append(await client.get("/Users", cursor=pages[0]["nextCursor"], count="3", sortBy="userName"))
    assert [[user["id"] for user in page["Resources"]] for page in pages] == [["0003", "0002", "0001"], ["0004"]]
    assert "nextCursor" not in pages[1]
    back = await client.get("/Users", cursor=pages[1]["previousCursor"], count="3", sortBy="userName")
    assert back["Resources"] == pages[0]["Resources"]
    answer = await client.send("GET", "/Users", query=f"cursor={pages[0]['nextCursor']}&count=3&sortBy=title")
    assert (answer.status, answer.json["scimType"]) == (400, "invalidCursor")


async def test_all_kinds_at_once(client):
    found = await client.get("/", filter='displayName sw "平" or userName eq "lizeng"')
    assert [one["id"] for one in found["Resources"]] == ["CN.D3", "0002"]
    body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": 'id eq "0001"'}
    answer = await client.send("POST", "/.search", {**body, "attributes": ["userName"]})
    assert answer.json["Resources"] == [{"schemas": [USER], "id": "0001", "userName": "weiguozhang"}]


async def test_only_the_attributes_that_are_asked_for(client):
    found = await client.get("/Users/0004", attributes="UserName,emails.value")
    assert found.keys() == {"schemas", "id", "userName", "emails"}
    assert "emails" not in await client.get("/Users/0004", excludedAttributes="emails")


async def test_a_reader_that_has_it_is_told_so(client):
    answer = await client.send("GET", "/Users/0004")
    tag = answer.headers["ETag"]
    assert tag == answer.json["meta"]["version"]
    again = await client.send("GET", "/Users/0004", headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")


async def test_the_ways_to_write_an_address(client):
    for path in ("/Users/0004", "/Users/0004/", "/users/0004", "/Users/0004.scim"):
        assert (await client.send("GET", path)).json["id"] == "0004"
    answer = await client.send("HEAD", "/Users/0004")
    assert answer.status == 200
    assert (await client.get("/Users", FILTER='id eq "0004"', Count="5"))["totalResults"] == 1
    answer = await client.send("GET", "/Users/0004")
    assert answer.headers["Content-Type"] == "application/scim+json"
    assert answer.headers["X-Data-As-Of"]


async def test_what_the_service_says_of_itself(client):
    config = await client.get("/ServiceProviderConfig")
    supported = {name for name in ("patch", "bulk", "filter", "sort", "etag") if config[name]["supported"]}
    assert supported == {"filter", "sort", "etag"}
    assert config["pagination"]["cursor"] is True
    assert config["filter"]["maxResults"] == LARGEST_PAGE
    assert {one["name"] for one in (await client.get("/ResourceTypes"))["Resources"]} == {"User", "Group"}
    assert ENTERPRISE in {one["id"] for one in (await client.get("/Schemas"))["Resources"]}


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "status", "kind"),
    [
        ("GET", "/Users/9999", "", None, 404, None),
        ("GET", "/Users/00%0004", "", None, 404, None),
        ("GET", "/Users/0\x004", "", None, 404, None),
        ("GET", "/Nothing", "", None, 404, None),
        ("GET", "/Me", "", None, 501, None),
        ("POST", "/Bulk", "", {}, 501, None),
        ("POST", "/Users", "", {"schemas": [USER], "userName": "x"}, 501, None),
        ("PUT", "/Users/0004", "", {"schemas": [USER], "userName": "x"}, 501, None),
        ("PATCH", "/Users/0004", "", {"Operations": []}, 501, None),
        ("DELETE", "/Groups/CN.D1", "", None, 501, None),
        ("DELETE", "/Users", "", None, 405, None),
        ("SHAKE", "/Users", "", None, 405, None),
        ("GET", "/Users", "fliter=x", None, 400, "invalidSyntax"),
        ("GET", "/Users", "count=1&count=2", None, 400, "invalidSyntax"),
        ("GET", "/Users", "count=many", None, 400, "invalidValue"),
        ("GET", "/Users", "filter=%FF", None, 400, "invalidSyntax"),
        ("GET", "/Users", "filter=userName+is+x", None, 400, "invalidFilter"),
        ("GET", "/Users", "filter=colour+pr", None, 400, "invalidFilter"),
        ("GET", "/Users", 'filter=groups+eq+"CN.D1"', None, 400, "invalidFilter"),
        ("GET", "/Users", 'filter=userName+eq+"\\u0000"', None, 400, "invalidFilter"),
        ("GET", "/Users", "filter=" + "(" * 21 + "active+pr" + ")" * 21, None, 400, "invalidFilter"),
        ("GET", "/Users", "filter=" + "active+pr+or+" * 200 + "active+pr", None, 400, "invalidFilter"),
        ("GET", "/Users", "sortBy=colour", None, 400, "invalidPath"),
        ("GET", "/Users", "sortOrder=sideways&sortBy=id", None, 400, "invalidValue"),
        ("GET", "/Users", "cursor=abc", None, 400, "invalidCursor"),
        ("GET", "/Schemas", "filter=id+pr", None, 403, None),
        ("POST", "/Users/.search", "", b"{", 400, "invalidSyntax"),
        ("POST", "/Users/.search", "", b"[" * 100_000, 400, "invalidSyntax"),
        ("POST", "/Users/.search", "", [1], 400, "invalidSyntax"),
    ],
)
async def test_refusals(client, method, path, query, body, status, kind):
    answer = await client.send(method, path, body, query=query)
    assert (answer.status, answer.json.get("scimType")) == (status, kind), answer.json
    assert answer.json["schemas"] == [ERROR]
    assert answer.json["status"] == str(status)
    assert "pydantic" not in answer.json["detail"]
    assert answer.headers["Content-Type"] == "application/scim+json"


async def test_before_anything_has_been_read(scim):
    answer = await scim().send("GET", "/Users")
    assert (answer.status, answer.json["status"]) == (503, "503")


async def test_who_may_write_and_what(house, scim):
    await house.sync()
    reader, writer = scim(writes=True), scim("isapi:write", writes=True)
    new = {"schemas": [USER], "userName": "zoe"}
    assert (await reader.send("POST", "/Users", new)).status == 403
    made = await writer.send("POST", "/Users", new)
    assert made.status == 201
    assert made.headers["Location"] == f"{writer.ROOT}/Users/{made.json['id']}"
    assert (await writer.get("/Users"))["totalResults"] == 5
    for name in ("Zoe", "LiZeng"):  # of another client's person, and of one of the HR system
        answer = await writer.send("POST", "/Users", {"schemas": [USER], "userName": name})
        assert (answer.status, answer.json["scimType"]) == (409, "uniqueness")
    for method, path in (("PUT", "/Users/0004"), ("DELETE", "/Users/0004"), ("DELETE", "/Groups/CN.D1")):
        answer = await writer.send(method, path, new if method == "PUT" else None)
        assert answer.status == 403, answer.json
        assert "HR system" in answer.json["detail"]


async def test_private_contacts_of_written_people_are_guarded_too(scim):
    numbers = [{"type": "mobile", "value": "13800138000"}, {"type": "work", "value": "8001"}]
    body = {"schemas": [USER], "userName": "zoe", "phoneNumbers": numbers}
    assert (await scim("isapi:write", writes=True).send("POST", "/Users", body)).status == 201
    for scopes, seen in (((), numbers[1:]), (("isapi:contact",), numbers)):
        reader = scim(*scopes, writes=True)
        (found,) = (await reader.get("/Users"))["Resources"]
        assert found["phoneNumbers"] == seen
        for question in ('phoneNumbers co "138"', 'phoneNumbers[type eq "mobile"]'):
            assert (await reader.get("/Users", filter=question))["totalResults"] == len(scopes)


async def test_a_change_that_would_overwrite_anothers_is_refused(scim):
    client = scim("isapi:write", writes=True)
    made = await client.send("POST", "/Users", {"schemas": [USER], "userName": "zoe"})
    path, first = f"/Users/{made.json['id']}", made.json["meta"]["version"]
    change = {"schemas": [USER], "userName": "zoe", "title": "Boss"}
    assert (await client.send("PUT", path, change, headers={"If-Match": first})).status == 200
    assert (await client.send("PUT", path, change, headers={"If-Match": first})).status == 412
    assert (await client.send("DELETE", path, headers={"If-Match": first})).status == 412
    assert (await client.send("DELETE", path)).status == 204
    assert (await client.send("GET", path)).status == 404


async def test_a_page_takes_a_handful_of_statements(house, company, scim):
    for number in range(100, 140):
        company.person(f"{number:04}", "李", "D3", rtx_id=f"li{number}")
    await house.sync()
    client = scim(writes=True)
    asked: list[str] = []
    raw = house.db.raw

    @asynccontextmanager
    async def counting():
        async with raw() as connection:
            with connection.query_logger(lambda record: asked.append(record.query)):
                yield connection

    house.db.raw = counting
    await client.get("/ServiceProviderConfig")
    asked.clear()
    assert len((await client.get("/Users", count="40"))["Resources"]) == 40
    assert len(asked) <= 6
