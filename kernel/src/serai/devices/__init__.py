"""Devices: drivers bound to names, kept alive, and held by one process where that is needed."""

from serai.devices.house import DeviceHouse
from serai.devices.keeper import Limits

__all__ = ["DeviceHouse", "Limits"]
