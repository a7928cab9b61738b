"""What plugins offer each other."""

from __future__ import annotations

from typing import Protocol

import pytest

from serai import PluginError, Service, Unavailable
from serai.hosting.services import GuestServices, ServiceHouse


class Weather(Protocol):
    """Whether it rains."""

    def rains(self) -> bool: ...


class Dry:
    def rains(self) -> bool:
        return False


def test_what_one_plugin_offers_another_finds_until_it_stops():
    house = ServiceHouse()
    provider, consumer = GuestServices("sky", [Service(Weather)], house), GuestServices("field", [], house)
    with pytest.raises(Unavailable, match="no running plugin offers Weather"):
        consumer.get(Weather)
    provider.offer(Weather, Dry())
    assert not consumer.get(Weather).rains()
    house.withdraw("sky")
    with pytest.raises(Unavailable):
        consumer.get(Weather)


def test_an_offer_that_is_not_declared_or_not_whole_is_refused():
    house = ServiceHouse()
    with pytest.raises(PluginError, match="field offers Weather, which it does not declare"):
        GuestServices("field", [], house).offer(Weather, Dry())
    with pytest.raises(PluginError, match="sky offers as Weather a object, which has no rains"):
        GuestServices("sky", [Service(Weather)], house).offer(Weather, object())


def test_a_service_has_one_provider():
    house = ServiceHouse()
    GuestServices("sky", [Service(Weather)], house).offer(Weather, Dry())
    with pytest.raises(PluginError, match="sun offers Weather, which sky offers already"):
        GuestServices("sun", [Service(Weather)], house).offer(Weather, Dry())
    GuestServices("sky", [Service(Weather)], house).offer(Weather, Dry())
