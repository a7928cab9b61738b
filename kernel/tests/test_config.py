"""A deployment's file, the environment over it, and what a person reads when something in them is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import attrs
import jsonschema_rs
import pytest
from msgspec import Meta, inspect

from serai.config import Secret, names
from serai.config.deployment import Deployment, read, structure_device, structure_plugin
from serai.config.document import ConfigError
from serai.config.fields import FieldSettings
from serai.config.positions import lines_of
from serai.config.schema import deployment_schema
from serai.config.services import ServiceSettings
from serai.config.settings import DemoSettings, KernelSettings, OutgoingSettings
from serai.config.wording import expected

ROOT = Path(__file__).parents[2]
HIDDEN = "a-key-that-nobody-may-see-in-any-message"
KEYS = f'keys = ["{HIDDEN}"]\n'


@attrs.frozen(kw_only=True)
class PluginSettings:
    source: str
    pages: Annotated[int, Meta(ge=1)] = 3
    token: Secret | None = None
    folder: Path = Path("x")
    nested: DemoSettings | None = None


@attrs.frozen(kw_only=True)
class DriverSettings:
    size: Annotated[int, Meta(ge=1)] = 5000


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "site.toml"
        path.write_text(text)
        return path

    return write


def lines_of_error(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """The lines of the error that reading the file gives, without the folder."""
    with pytest.raises(ConfigError) as caught:
        read(path, environ or {})
    first, *lines = str(caught.value).replace(f"{path.parent}/", "").splitlines()
    count = len(caught.value.mistakes)
    assert first == f"site.toml has {count} mistake{'s' * (count != 1)}:"
    assert len(lines) == count
    return lines


def test_a_deployment_is_read(write: Any) -> None:
    path = write(
        "[kernel]\nplugins = ['isapi', 'outage']\n"
        + KEYS
        + "[devices.ehr]\ndriver = 'ehr_demo'\nsize = 7\n[plugins.isapi]\nsource = 'ehr'\n"
    )
    deployment = read(path, {})
    assert deployment.kernel == KernelSettings(plugins=("isapi", "outage"), keys=(Secret(HIDDEN),))
    assert deployment.kernel.address == ("127.0.0.1", 8080)
    assert deployment.kernel.state_dir == Path(".state")
    assert deployment.devices["ehr"].driver == "ehr_demo"
    assert dict(deployment.plugins) == {"isapi": {"source": "ehr"}, "outage": {}}
    assert structure_device(deployment, "ehr", DriverSettings) == (DriverSettings(size=7), [])
    assert structure_plugin(deployment, "isapi", PluginSettings) == (PluginSettings(source="ehr"), [])
    assert HIDDEN not in repr(deployment)


def test_all_mistakes_of_a_file_are_shown_at_once_with_their_lines(write: Any) -> None:
    path = write(
        """[kernel]
listen = "0.0.0.0:8080"
workers = 0
log_level = "inof"
trusted_proxies = [
  "10.0.0.0/8",
  "10.0.0.1/8",
]
plugins = ["isapi", "Admin"]
database = "mysql://u:geheim@h/d"
keys = ["too short"]
state_dir = 5
[kernel.demo]
show = ["isapi"]
[devices.ehr]
size = 5
[devices.EHR]
driver = "x"
[plugin.isapi]
source = "ehr"
[plugins.outage]
"""
    )
    lines = lines_of_error(path)
    assert lines == [
        "site.toml:19: plugin: expected one of: kernel, devices, plugins, fields, services; did you mean plugins?;"
        " found unknown key",
        "site.toml:12: kernel.state_dir: expected path; found integer 5",
        "site.toml:3: kernel.workers: expected integer, from 1 to 256; found integer 0",
        "site.toml:4: kernel.log_level: expected one of: debug, error, info, warning; did you mean info?; "
        'found text "inof"',
        'site.toml:14: kernel.demo.show[0]: expected text, matching ^/; found text "isapi"',
        "site.toml:5: kernel.trusted_proxies: expected list of networks, as 10.0.0.0/8; '10.0.0.1/8' is none; "
        "found list of 2",
        "site.toml:10: kernel.database: expected embedded, or text that begins with postgresql://; found text",
        f"site.toml:9: kernel.plugins: expected list of plugin names; 'Admin' must be {names.RULE}; found list of 2",
        "site.toml:11: kernel.keys: expected keys of at least 32 bytes; key 1 is shorter; found list",
        "site.toml:15: devices.ehr.driver: expected the name of a driver; found nothing",
        f"site.toml:17: devices.EHR: expected a device's name; found one that must be {names.RULE}",
        "site.toml:21: plugins.outage: expected one of: isapi, Admin (to enable outage, add it to kernel.plugins); "
        "found unknown key",
    ]
    assert "geheim" not in "".join(lines)
    assert "too short" not in "".join(lines)


@pytest.mark.parametrize("reserved", ["all", "kernel", "serai", "admin", "static", "public", "pg_x"])
def test_reserved_names_are_refused(write: Any, reserved: str) -> None:
    [line] = lines_of_error(write(f"[kernel]\nplugins = ['{reserved}']\n{KEYS}"))
    assert f"kernel.plugins: expected list of plugin names; '{reserved}' is reserved" in line


def test_without_keys_nothing_starts_but_a_demo(write: Any) -> None:
    [line] = lines_of_error(write("[kernel]\nworkers = 1\n"))
    assert line.startswith("site.toml:1: kernel.keys: expected list of at least 1 key")
    assert read(write("[kernel.demo]\n"), {}).kernel.demo == DemoSettings()
    assert "kernel.keys" in lines_of_error(write(""))[0]


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "serai.example:80"])
def test_a_demo_serves_on_loopback_only(write: Any, listen: str) -> None:
    [line] = lines_of_error(write(f"[kernel]\nlisten = '{listen}'\n[kernel.demo]\n"))
    assert line.startswith("site.toml:2: kernel.listen: expected a loopback address")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:80", "[::1]:80", "127.8.0.1:65535"])
def test_loopback_addresses_are_known(write: Any, listen: str) -> None:
    assert read(write(f"[kernel]\nlisten = '{listen}'\n[kernel.demo]\n"), {}).kernel.listen == listen


@pytest.mark.parametrize("listen", ["8080", "host", "host:", ":80", "host:66000", "a@b:80", "::1:80"])
def test_addresses_without_host_or_port_are_refused(write: Any, listen: str) -> None:
    [line] = lines_of_error(write(f"[kernel]\nlisten = '{listen}'\n{KEYS}"))
    assert "kernel.listen: expected text ADDRESS:PORT" in line


@pytest.mark.parametrize(
    "url", ["serai.example", "ftp://h", "https://", "https://h/path", "https://u:p@h", "https://h?q"]
)
def test_the_public_url_is_an_origin(write: Any, url: str) -> None:
    [line] = lines_of_error(write(f"[kernel]\npublic_url = '{url}'\n{KEYS}"))
    assert "kernel.public_url: expected URL without a path" in line


def test_the_table_of_a_plugin_that_is_not_listed_is_a_mistake(write: Any) -> None:
    [line] = lines_of_error(write(f"[kernel]\nplugins = ['isapi']\n{KEYS}[plugins.isapy]\nx = 1\n"))
    assert line == (
        "site.toml:4: plugins.isapy: expected one of: isapi; did you mean isapi? (to enable isapy, add it to "
        "kernel.plugins); found unknown key"
    )


def test_the_environment_goes_before_the_file_and_is_converted_by_type(write: Any) -> None:
    path = write(f"[kernel]\n{KEYS}database = {{ env = 'NONE' }}\n[plugins.isapi]\nsource = 'ehr'\n")
    environ = {
        "SERAI_KERNEL__WORKERS": "4",
        "SERAI_KERNEL__AUTO_MIGRATE": "true",
        "SERAI_KERNEL__PLUGINS": "isapi,outage",
        "serai_kernel__start_timeout": "2.5",
        "SERAI_KERNEL__DATABASE": "postgresql://h/d",
        "SERAI_DEVICES__EHR__DRIVER": "ehr_demo",
        "SERAI_DEVICES__EHR__SIZE": "12",
        "SERAI_PLUGINS__ISAPI__PAGES": "9",
        "SERAI_PLUGINS__ISAPI__TOKEN__ENV": "TOKEN",
        "SERAI_PLUGINS__ISAPI__NESTED__SCOPES": '["a"]',
        "TOKEN": "t",
        "SERAI_PORT": "tcp://10.0.0.1:80",
        "PATH": "/bin",
    }
    deployment = read(path, environ)
    assert deployment.kernel == KernelSettings(
        workers=4,
        auto_migrate=True,
        plugins=("isapi", "outage"),
        start_timeout=2.5,
        database=Secret("postgresql://h/d"),
        keys=(Secret(HIDDEN),),
    )
    assert structure_device(deployment, "ehr", DriverSettings) == (DriverSettings(size=12), [])
    assert structure_plugin(deployment, "isapi", PluginSettings) == (
        PluginSettings(source="ehr", pages=9, token=Secret("t"), nested=DemoSettings(scopes=("a",))),
        [],
    )


def test_variables_that_fit_nowhere_are_mistakes(write: Any) -> None:
    environ = {
        "SERAI_KERNEL_WORKERS": "4",
        "SERAI_KERNL__WORKERS": "4",
        "SERAI_KERNEL__LISTEN__PORT": "80",
        "SERAI_KERNEL__WORKERS": "many",
        "SERAI_kernel__workers": "5",
        "SERAI_KERNEL__": "x",
    }
    lines = lines_of_error(write(f"[kernel]\nlisten = '127.0.0.1:80'\n{KEYS}"), environ)
    assert lines == [
        "environment: SERAI_KERNEL_WORKERS: expected SERAI_KERNEL__KEY, with two underscores; found one underscore",
        "environment: SERAI_KERNEL__: expected SERAI_SECTION__KEY with a section that is one of: kernel, devices, "
        "plugins, fields, services; did you mean kernel?; found a variable of another form",
        "environment: SERAI_KERNEL__LISTEN__PORT: expected a table at kernel.listen; found a value of its own there",
        "environment: SERAI_KERNL__WORKERS: expected SERAI_SECTION__KEY with a section that is one of: kernel, "
        "devices, plugins, fields, services; did you mean kernel?; found a variable of another form",
        "environment: SERAI_kernel__workers: expected one variable for a key; found SERAI_KERNEL__WORKERS, which sets "
        "it too",
        'SERAI_KERNEL__WORKERS: kernel.workers: expected integer, from 1 to 256; found text "many"',
    ]


def test_secrets_from_the_environment_are_not_shown(write: Any) -> None:
    environ = {"SERAI_KERNEL__KEYS": HIDDEN[:20], "SERAI_KERNEL__DATABASE": HIDDEN}
    lines = lines_of_error(write(""), environ)
    assert len(lines) == 2
    assert HIDDEN[:20] not in "".join(lines)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[kernel]\nworkers = = 2\n", "line 2, column 11"),
        (f"[kernel]\nkeys = ['{HIDDEN}\n", ""),
        ("[kernel]\nkeys = [\n", "end of document"),
        ("[kernel]\n[kernel]\n", "line 2, column 8"),
    ],
)
def test_errors_of_toml_name_line_and_column(write: Any, text: str, place: str) -> None:
    [line] = lines_of_error(write(text))
    assert line.startswith(f"site.toml: expected valid TOML; found an error at {place}")
    assert HIDDEN not in line


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert lines_of_error(tmp_path / "site.toml") == [
        "site.toml: expected a file that can be read; found no such file or directory"
    ]
    (tmp_path / "site.toml").write_bytes(b"[kernel]\n\xff")
    assert lines_of_error(tmp_path / "site.toml") == [
        "site.toml: expected a text in UTF-8; found another encoding, from byte 9 on"
    ]


def test_mistakes_of_plugins_and_devices_are_described_with_their_place(write: Any) -> None:
    path = write(
        f"[kernel]\nplugins = ['isapi', 'bare']\n{KEYS}"
        "[plugins.isapi]\npages = 0\ntoken = 5\n[plugins.bare]\nx = 1\n[devices.ehr]\ndriver='d'\nsize='x'\n"
    )
    deployment = read(path, {"SERAI_PLUGINS__ISAPI__PAGE": "4"})

    def described(found: tuple[Any, list[Any]]) -> list[str]:
        assert found[0] is None
        return [deployment.document.describe(m).replace(f"{path.parent}/", "") for m in found[1]]

    assert described(structure_plugin(deployment, "isapi", PluginSettings)) == [
        "site.toml:4: plugins.isapi.source: expected text; found nothing",
        "site.toml:5: plugins.isapi.pages: expected integer, at least 1; found integer 0",
        'site.toml:6: plugins.isapi.token: expected text, { env = "NAME" } or { file = "/path" }; found integer',
        "SERAI_PLUGINS__ISAPI__PAGE: plugins.isapi.page: expected one of: source, pages, token, folder, nested; did "
        "you mean pages?; found unknown key",
    ]
    assert described(structure_plugin(deployment, "bare", None)) == [
        "site.toml:8: plugins.bare.x: expected no keys here; found unknown key"
    ]
    assert described(structure_device(deployment, "ehr", DriverSettings)) == [
        'site.toml:11: devices.ehr.size: expected integer, at least 1; found text "x"'
    ]


def test_lines_are_found_in_all_forms_of_toml() -> None:
    source = '''# comment
a = 1
[t]
b = """
c = 2
"""
"q.k" = 3
d . e = [
  { f = 4 },
  # g = 5
]
[[t.list]] # first
h = 1
[[t.list]]
h = 2
[t."x]y"]
k = "= [z]"
'''
    assert lines_of(source) == {
        ("a",): 2,
        ("t",): 3,
        ("t", "b"): 4,
        ("t", "q.k"): 7,
        ("t", "d"): 8,
        ("t", "d", "e"): 8,
        ("t", "list"): 12,
        ("t", "list", 0): 12,
        ("t", "list", 0, "h"): 13,
        ("t", "list", 1): 14,
        ("t", "list", 1, "h"): 15,
        ("t", "x]y"): 16,
        ("t", "x]y", "k"): 17,
    }


def test_the_deployments_of_the_repository_are_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    demo = read(ROOT / "config/demo.toml", {})
    assert demo.kernel.demo is not None
    assert demo.kernel.plugins == ("isapi",)
    environ = {"SERAI_KERNEL__DATABASE": "postgresql://h/d", "SERAI_KERNEL__KEYS": HIDDEN}
    production = read(ROOT / "config/production.toml", environ)
    assert production.kernel.demo is None
    assert production.devices["ehr"].driver == "ehr_oracle"


def test_the_schema_says_what_the_reader_says(write: Any) -> None:
    schema = deployment_schema({"isapi": PluginSettings, "bare": None}, {"ehr_demo": DriverSettings, "none": None})
    json.dumps(schema)
    validator = jsonschema_rs.validator_for(schema)
    good = {
        "kernel": {"keys": [{"file": "/x"}, "text"], "workers": 2, "demo": {"scopes": ["a"]}},
        "devices": {"ehr": {"driver": "ehr_demo", "size": 3}, "other": {"driver": "none"}},
        "plugins": {"isapi": {"source": "ehr", "token": {"env": "X"}}, "bare": {}},
    }
    assert list(validator.iter_errors(good)) == []
    for bad in (
        {"kernel": {"worker": 2}},
        {"kernel": {"workers": 0}},
        {"kernel": {"keys": [{"env": "X", "file": "Y"}]}},
        {"kernel": {}, "devices": {"ehr": {"driver": "none", "size": 3}}},
        {"kernel": {}, "plugins": {"isapi": {}}},
        {"kernel": {}, "plugins": {"outage": {}}},
        {"kernel": {}, "extra": {}},
    ):
        assert not validator.is_valid(bad), bad
    assert schema["properties"]["kernel"]["properties"]["state_dir"]["default"] == ".state"
    assert "default" not in schema["properties"]["kernel"]["properties"]["database"]


def test_the_tables_of_personal_fields_are_read(write: Any) -> None:
    kernel = f"[kernel]\nplugins = ['isapi']\n{KEYS}"
    right = write(kernel + '[fields."isapi.grade"]\nclear = ["hrbp", "isapi:employment"]\n')
    assert read(right).fields == {"isapi.grade": FieldSettings(clear=("hrbp", "isapi:employment"))}
    wrong = '[fields.grade]\n[fields."isap.grade"]\n[fields."isapi.grade"]\nclaer = []\nmasked = "hrbp"\n'
    assert [line.partition(": fields.")[2] for line in lines_of_error(write(kernel + wrong))] == [
        'grade: expected PLUGIN.FIELD, as [fields."isapi.grade"]; found "grade"',
        "isap.grade: expected a field of a plugin that runs here or elsewhere; did you mean isapi?; found one of isap",
        'isapi.grade.masked: expected list of texts; found text "hrbp"',
        "isapi.grade.claer: expected one of: clear, masked; did you mean clear?; found unknown key",
    ]


def test_the_tables_of_services_elsewhere_are_read(write: Any) -> None:
    kernel = f"[kernel]\nplugins = ['isapi']\n{KEYS}"
    right = write(kernel + '[services.people]\nurl = "https://people.example"\nkey = { env = "PEOPLE_KEY" }\n')
    expected = ServiceSettings(url="https://people.example", key=Secret("srk_secret"))
    assert read(right, {"PEOPLE_KEY": "srk_secret"}).services == {"people": expected}
    wrong = (
        '[services.isapi]\nurl = "people.example"\nkye = "srk_secret"\n[services.all]\nurl = "https://x"\nkey = "x"\n'
    )
    lines = lines_of_error(write(kernel + wrong))
    assert "srk_secret" not in str(lines)
    assert [line.partition(": services.")[2] for line in lines] == [
        "isapi: expected a plugin that runs elsewhere only: take isapi out here, or out of kernel.plugins; "
        "found one that kernel.plugins lists",
        "isapi.key: expected secret; found nothing",
        "isapi.kye: expected one of: url, key; did you mean key?; found unknown key",
        'isapi.url: expected URL without a path, as https://serai.example; found text "people.example"',
        "all: expected a plugin's name; found one that is reserved "
        "(admin, all, kernel, public, serai, static and pg_...)",
    ]


TITLES = {
    KernelSettings: "## `[kernel]`",
    DemoSettings: "## `[kernel.demo]`",
    OutgoingSettings: "## `[kernel.outgoing]`",
    ServiceSettings: "## `[services.NAME]`",
}


@pytest.mark.parametrize("settings", TITLES)
def test_the_page_of_the_configuration_has_every_key(settings: type) -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    for row in rows_of(settings):
        assert row in page, f"docs/configuration.md has no line\n{row}"
    section = page.split(TITLES[settings])[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [field.name for field in attrs.fields(settings)]


def rows_of(settings: type) -> list[str]:
    """The lines of the page's table: key, type, default and meaning of each field."""
    node = inspect.type_info(settings)
    assert isinstance(node, inspect.DataclassType)
    rows = []
    for field, attribute in zip(node.fields, attrs.fields(settings), strict=True):
        assert isinstance(field.type, inspect.Metadata), f"{field.name} has no description"
        meaning = (field.type.extra_json_schema or {})["description"]
        default = attribute.default.reveal() if isinstance(attribute.default, Secret) else attribute.default
        shown = {attrs.NOTHING: "required", None: "none", (): "`[]`"}.get(
            default, f"`{json.dumps(default, default=str)}`"
        )
        shown = "its own defaults" if attrs.has(type(default)) else shown
        rows.append(f"| `{field.name}` | {expected(field.type)} | {shown} | {meaning} |")
    return rows


def test_deployments_are_values() -> None:
    assert attrs.has(Deployment)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        KernelSettings(keys=(Secret(HIDDEN),)).workers = 2  # type: ignore[misc]  # the error under test
