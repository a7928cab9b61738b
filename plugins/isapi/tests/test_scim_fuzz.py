"""Filters in SQL keep what the library's evaluator keeps, and no request whatever is answered with a 500."""

from __future__ import annotations

from datetime import date
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scim2_models import InvalidFilterException, ScimFilter

from serai_isapi.fields import PERSONAL
from serai_isapi.scim.models import ENTERPRISE, MODELS
from serai_isapi.scim.people import People
from serai_isapi.scim.teams import Teams
from serai_isapi.shapes import Employee

EMPLOYMENT = {field.name.removeprefix("isapi.") for field in PERSONAL if "isapi:employment" in field.clear}

shared = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

TEXTS = st.sampled_from(
    ["", "0001", "0003", "weiguozhang", "WEIGUO", "伟", "li", "work", "home", "mobile", "corp.example", "工程师",
     "employee", "平台组", "138", "%", "_", "\\", "ß", "CN.D2", "D3", "User", "Group", "欧阳修"]
)  # fmt: skip
SINGLE = {
    "User": ["id", "externalId", "userName", "displayName", "name.formatted", "name.givenName", "title", "userType",
             "nickName", f"{ENTERPRISE}:department", f"{ENTERPRISE}:division", f"{ENTERPRISE}:manager.value",
             f"{ENTERPRISE}:employeeNumber"],
    "Group": ["id", "externalId", "displayName"],
}  # fmt: skip
ENTRIES = {
    "User": {"emails": ["value", "type"], "phoneNumbers": ["value", "type", "display"]},
    "Group": {"members": ["value", "type", "display"]},
}
COMPLEX = {"User": ["name", f"{ENTERPRISE}:manager", "active", "addresses"], "Group": ["meta"]}
OPERATORS = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"])


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\") + '"'


def comparisons(paths):
    return st.builds(lambda path, op, text: f"{path} {op} {quoted(text)}", st.sampled_from(paths), OPERATORS, TEXTS)


def presences(paths):
    return st.builds(lambda path: f"{path} pr", st.sampled_from(paths))


def joined(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda a, word, b: f"({a}) {word} ({b})", inner, st.sampled_from(["and", "or"]), inner),
            st.builds(lambda a: f"not ({a})", inner),
        ),
        max_leaves=4,
    )


@st.composite
def filters(draw):
    kind = draw(st.sampled_from(["User", "Group"]))
    entries = ENTRIES[kind]
    dotted = [f"{path}.{sub}" for path, subs in entries.items() for sub in subs]
    nulls = [f"{path} {op} null" for path in SINGLE[kind] for op in ("eq", "ne")]
    leaves = [comparisons(SINGLE[kind] + dotted + list(entries)), presences(SINGLE[kind] + dotted + list(entries)),
              presences(COMPLEX[kind]), st.sampled_from(nulls)]  # fmt: skip
    if kind == "User":
        leaves.append(st.sampled_from(["active eq true", "active ne true", "emails.primary eq false"]))
    for path, subs in entries.items():
        inside = joined(st.one_of(comparisons(subs), presences(subs)))
        leaves.append(inside.map(lambda text, path=path: f"{path}[{text}]"))
    return kind, draw(joined(st.one_of(leaves)))


@pytest.fixture
async def client(house, company, scim):
    """Over people of every sort; `client.everything` are all resources by their kind."""
    company.job("0003", effdt=date(2025, 1, 1), empl_status="T")
    company.person("0005", "李", "D1")
    company.add("CONTACT", emplid="0004", contact_kind="PHONE", contact_type="CELL", contact_value="138")
    company.add("CONTACT", emplid="0001", contact_kind="EMAIL", contact_type="HOME", contact_value="li@home.example")
    await house.sync()
    client = scim("isapi:contact", "isapi:write", writes=True)
    fields = frozenset(Employee.__struct_fields__) - EMPLOYMENT
    numbers = [f"{number:04}" for number in range(9)]
    async with house.db.raw() as connection:
        client.everything = {
            "User": list((await People(fields).load(connection, numbers, members=True)).values()),
            "Group": list((await Teams().load(connection, ["CN.D1", "CN.D2", "CN.D3"], members=True)).values()),
        }
    assert [len(found) for found in client.everything.values()] == [5, 3]
    return client


@shared
@given(question=filters())
async def test_filters_keep_what_the_evaluator_keeps(client, question):
    kind, text = question
    try:
        evaluator = ScimFilter[MODELS[kind]](text)
    except InvalidFilterException:
        assert (await client.send("GET", f"/{kind}s", query=urlencode({"filter": text}))).status == 400
        return
    expected = sorted(resource.id for resource in client.everything[kind] if evaluator.match(resource))
    answer = await client.get(f"/{kind}s", filter=text)
    assert sorted(found["id"] for found in answer.get("Resources", [])) == expected


WORDS = st.one_of(
    st.text(max_size=8),
    TEXTS,
    st.sampled_from(["Users", "Groups", "Me", "Schemas", ".search", "0001", "Bulk", "members", "active", "manager",
                     "add", "replace", "remove", 'emails[type eq "work"].value', "name.givenName", ENTERPRISE]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)
OPERATIONS = st.lists(st.fixed_dictionaries({"op": WORDS}, optional={"path": WORDS, "value": VALUES}), max_size=3)
USERS = st.fixed_dictionaries(
    {"userName": WORDS},
    optional={"active": VALUES, "emails": VALUES, "name": VALUES, "members": VALUES, ENTERPRISE: VALUES},
)
GROUPS = st.fixed_dictionaries({"displayName": WORDS}, optional={"members": VALUES, "externalId": VALUES})
BODIES = st.one_of(
    st.none(), st.binary(max_size=20), VALUES, USERS, GROUPS, st.fixed_dictionaries({"Operations": OPERATIONS}),
    st.dictionaries(st.sampled_from(["filter", "sortBy", "count", "startIndex", "cursor", "attributes"]), VALUES),
)  # fmt: skip
QUERIES = st.one_of(
    st.text(max_size=10),
    st.dictionaries(
        st.sampled_from(["filter", "sortBy", "sortOrder", "count", "startIndex", "cursor", "attributes",
                         "excludedAttributes", "x"]),
        st.one_of(WORDS, filters().map(lambda question: question[1])), max_size=3,
    ).map(lambda query: urlencode(query, errors="surrogatepass")),
)  # fmt: skip


@shared
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    parts=st.lists(WORDS, max_size=3),
    query=QUERIES,
    body=BODIES,
    tag=st.one_of(st.none(), st.text(max_size=6), st.just('W/"1"')),
)
async def test_no_request_breaks_it(client, method, parts, query, body, tag):
    if "local" not in client.__dict__:
        made = await client.send("POST", "/Groups", {"displayName": "g", "members": [{"value": "0001"}]})
        client.local = made.json["id"]
    parts = [client.local if part == "0001" and "Groups" in parts else part for part in parts]
    headers = {} if tag is None else {"If-Match": tag, "If-None-Match": tag}
    answer = await client.send(method, "".join(f"/{part}" for part in parts), body, query=query, headers=headers)
    assert answer.status < 500 or answer.status == 501
    if answer.status >= 400:
        assert answer.json["status"] == str(answer.status)
