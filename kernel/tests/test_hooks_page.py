"""docs/hooks.md documents every hook with an example that the kernel accepts."""

import re
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import attrs
import pytest

from serai import hookspecs
from serai.declarations import PluginInfo
from serai.hosting.declared import declare_driver, declare_plugin
from serai.hosting.entry_points import Installed
from serai.hosting.states import Code

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
HOOKS = [name for name, value in vars(hookspecs).items() if hasattr(value, "serai_spec")]
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def installed(name: str) -> Installed:
    return Installed(
        name=name,
        version="1.0.0",
        summary="",
        distribution=f"serai-{name}",
        entry_point=EntryPoint(name, "x", "serai.plugins"),
    )


@pytest.fixture(scope="module")
def example() -> types.ModuleType:
    module = types.ModuleType("serai_hello_example")
    for source in EXAMPLES:
        exec(
            compile(source.replace("from __future__ import annotations", ""), "docs/hooks.md", "exec"), module.__dict__
        )
    return module


def test_every_hook_has_a_section_and_an_example():
    assert HOOKS, "no hooks found"
    for hook in HOOKS:
        section = re.search(rf"^## `{hook}\((.*?)\)`$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        assert section, f"docs/hooks.md has no section for {hook}"
        arguments = getattr(hookspecs, hook).__code__.co_varnames[: getattr(hookspecs, hook).__code__.co_argcount]
        assert section.group(1) == ", ".join(arguments)
        assert f"def {hook}(" in section.group(2)


def test_every_field_of_plugin_info_is_in_the_page():
    for field in attrs.fields(PluginInfo):
        assert f"| `{field.name}` |" in PAGE


def test_every_reason_code_is_in_the_cli_page():
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    for code in Code:
        assert not code or f"`{code}`" in page, f"docs/cli.md does not name {code}"


def test_the_page_states_the_kernel_api_version():
    assert f"Kernel API **{hookspecs.KERNEL_API}**" in PAGE


def test_the_examples_are_a_plugin_that_the_kernel_accepts(example):
    declared = declare_plugin(installed("hello"), example)
    assert declared.hooks == set(HOOKS)
    assert [route.path for api in declared.apis for route in api.routes] == ["/greetings/{name}"]
    assert [job.name for job in declared.jobs] == ["tidy"]
    assert [task.name for task in declared.tasks] == ["send"]
    assert declared.migrations == "serai_hello:migrations"
    assert declare_driver(installed("lamp_demo"), example).kind == "lamp"
