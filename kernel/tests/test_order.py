"""Plugins start after what they need, in the same order every time; those that never can are told why."""

from packaging.requirements import Requirement

from serai import PluginInfo
from serai.hosting.declared import Declared
from serai.hosting.order import missing_requirement, start_order
from serai.hosting.states import Code


def plugin(name, requires=(), after=(), conflicts=()):
    info = PluginInfo(title=name, kernel=">=1", requires=requires, after=after, conflicts=conflicts)
    return Declared(
        name=name,
        version="1.0",
        summary="",
        info=info,
        requires=tuple(map(Requirement, requires)),
        apis=(),
        mounts=(),
        tables=(),
        jobs=(),
        tasks=(),
        subscriptions=(),
        migrations=None,
        hook=None,
        hooks=frozenset(),
    )


def order(*plugins):
    return start_order({each.name: each for each in plugins})


def test_without_needs_the_order_is_by_name():
    assert order(plugin("smsdb"), plugin("isapi"), plugin("outage"))[0] == ["isapi", "outage", "smsdb"]


def test_a_requirement_comes_first_and_so_does_after():
    names, blocked = order(plugin("a", requires=["z"]), plugin("b", after=["c"]), plugin("c"), plugin("z"))
    assert names == ["c", "b", "z", "a"]
    assert not blocked


def test_after_a_plugin_that_is_not_enabled_means_nothing():
    assert order(plugin("b", after=["gone"]))[0] == ["b"]


def test_a_ring_of_requirements_is_shown_and_the_others_start():
    names, blocked = order(plugin("a", requires=["b"]), plugin("b", requires=["a"]), plugin("c"))
    assert names == ["c"]
    assert "a -> b -> a" in blocked["a"].sentence
    assert blocked["b"].code is Code.MISSING_REQUIREMENT


def test_a_ring_of_after_is_cut_by_name():
    assert order(plugin("b", after=["a"]), plugin("a", after=["b"]))[0] == ["a", "b"]


def test_who_depends_on_a_ring_without_being_in_it_is_ordered():
    names, blocked = order(plugin("a", requires=["b"]), plugin("b", requires=["a"]), plugin("c", requires=["a"]))
    assert names == ["c"]
    assert set(blocked) == {"a", "b"}


def test_the_one_that_states_the_conflict_is_blocked():
    names, blocked = order(plugin("new", conflicts=["old"]), plugin("old"))
    assert names == ["old"]
    assert blocked["new"].code is Code.CONFLICT
    assert "old" in blocked["new"].sentence


def test_a_requirement_that_is_not_enabled_or_too_old_is_told_with_versions():
    needy = plugin("needy", requires=["isapi>=1.2"])
    assert "not enabled" in missing_requirement(needy, {}).sentence
    assert missing_requirement(needy, {}, elsewhere={"isapi"}) is None
    assert "isapi 1.1" in missing_requirement(needy, {"isapi": "1.1"}).sentence
    assert missing_requirement(needy, {"isapi": "1.2.1"}) is None
