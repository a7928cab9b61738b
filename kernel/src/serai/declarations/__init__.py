"""What plugin authors write: plain data that the kernel acts upon."""

from serai.declarations.drivers import Driver, DriverFactory, Link
from serai.declarations.encryption import EncryptedColumn
from serai.declarations.feed import Event, Topic
from serai.declarations.jobs import Job, JobHandler, Setting, job
from serai.declarations.logs import Log
from serai.declarations.plugin import Health, PluginInfo
from serai.declarations.routes import Api, Handler, Route
from serai.declarations.shapes import Encoded, Page, PageQuery

__all__ = [
    "Api",
    "Driver",
    "DriverFactory",
    "Encoded",
    "EncryptedColumn",
    "Event",
    "Handler",
    "Health",
    "Job",
    "JobHandler",
    "Link",
    "Log",
    "Page",
    "PageQuery",
    "PluginInfo",
    "Route",
    "Setting",
    "Topic",
    "job",
]
