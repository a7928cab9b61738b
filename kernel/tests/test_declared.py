"""What a guest declares is checked before it runs, and refused in words that name it."""

import types
from importlib.metadata import EntryPoint

import pytest

from serai import Api, PersonalField, PluginInfo, hookimpl, job
from serai.hosting.declared import declare_plugin
from serai.hosting.entry_points import Installed
from serai.hosting.states import Blocked, Code, Trouble


def guest(**hooks) -> types.ModuleType:
    module = types.ModuleType("a_guest")
    hooks.setdefault("plugin_info", lambda: PluginInfo(title="Camel", kernel=">=1.0,<2"))
    for name, function in hooks.items():
        function.__name__ = name
        setattr(module, name, hookimpl(function))
    return module


def declare(module):
    what = Installed(
        name="camel",
        version="2.1",
        summary="",
        distribution="serai-camel",
        entry_point=EntryPoint("camel", "x", "serai.plugins"),
    )
    return declare_plugin(what, module)


def refusal(module, kind=Trouble) -> Trouble:
    with pytest.raises(kind) as caught:
        declare(module)
    assert "camel 2.1" in caught.value.sentence
    assert caught.value.hint
    return caught.value


def test_a_plugin_with_only_plugin_info_is_whole():
    declared = declare(guest())
    assert (declared.apis, declared.jobs, declared.migrations) == ((), (), None)


def test_a_kernel_range_that_excludes_this_kernel_blocks():
    trouble = refusal(guest(plugin_info=lambda: PluginInfo(title="x", kernel=">=2")), Blocked)
    assert trouble.code is Code.INCOMPATIBLE
    assert ">=2" in trouble.sentence
    assert "1.0" in trouble.sentence


def test_a_kernel_range_that_is_none_is_named():
    assert "'about one'" in refusal(guest(plugin_info=lambda: PluginInfo(title="x", kernel="about one"))).sentence


def test_a_typo_in_a_hook_name_is_named():
    assert "register_rotues" in refusal(guest(register_rotues=lambda: [Api()])).sentence


def test_a_wrong_argument_is_named():
    module = guest(lifespan=lambda kontext: None)
    assert "kontext" in refusal(module).sentence


def test_a_raising_hook_is_named_with_what_it_raised():
    def register_routes():
        raise LookupError("no route table")

    trouble = refusal(guest(register_routes=register_routes))
    assert "register_routes() raised" in trouble.sentence or "raised in register_routes()" in trouble.sentence
    assert "LookupError: no route table" in trouble.sentence


@pytest.mark.parametrize(
    ("hook", "answer", "expected", "found"),
    [
        ("plugin_info", {"title": "x"}, "PluginInfo", "dict"),
        ("register_routes", "all of them", "Api", "str"),
        ("register_routes", [Api(), 3], "Api", "int"),
        ("register_jobs", [print], "Job", "builtin_function_or_method"),
        ("register_migrations", ["a"], "package:migrations", "list"),
        ("register_migrations", "no_colon", "package:migrations", "str"),
    ],
)
def test_rubbish_from_a_hook_is_named(hook, answer, expected, found):
    trouble = refusal(guest(**{hook: lambda: answer}))
    assert trouble.code is Code.HOOK_FAILED
    for part in (hook, expected, found):
        assert part in trouble.sentence


def test_a_permission_outside_the_plugins_name_is_refused():
    info = PluginInfo(title="x", kernel=">=1.0,<2", permissions={"isapi:read": "Read people"})
    assert "'isapi:read'" in refusal(guest(plugin_info=lambda: info)).sentence


def test_a_route_that_asks_for_an_undeclared_permission_is_named():
    api = Api()

    @api.get("/humps", permission="camel:read")
    async def humps(call):
        """Humps."""

    sentence = refusal(guest(register_routes=lambda: [api])).sentence
    assert "GET /humps" in sentence
    assert "'camel:read'" in sentence


def test_two_jobs_of_one_name_are_refused():
    @job(cron="0 3 * * *")
    async def rest(ctx, run):
        """Rest."""

    assert "'rest'" in refusal(guest(register_jobs=lambda: [rest, rest])).sentence


def test_a_requirement_that_cannot_be_read_is_named():
    info = PluginInfo(title="x", kernel=">=1.0,<2", requires=["isapi >= one"])
    assert "isapi >= one" in refusal(guest(plugin_info=lambda: info)).sentence


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([PersonalField("donkey.load", "load")], "the personal field 'donkey.load'"),
        ([PersonalField("camel.load", "load")] * 2, "a name of its own"),
        ([PersonalField("camel.load", "load", clear=["boss"])], "the audience 'boss'"),
        ([PersonalField("camel.load", "load", masked=["camel:weigh"])], "the audience 'camel:weigh'"),
    ],
)
def test_a_personal_field_has_a_name_of_its_own_and_audiences_that_there_are(fields, words):
    info = PluginInfo(title="x", kernel=">=1.0", permissions={"camel:read": "Look"}, personal=fields)
    assert words in refusal(guest(plugin_info=lambda: info)).sentence
