"""What plugin authors write: plain data that the kernel acts upon."""

from serai.declarations.drivers import Driver, DriverFactory, Link
from serai.declarations.feed import Event, Topic
from serai.declarations.fields import MaskName, Personal, PersonalField, Relation, Subject
from serai.declarations.jobs import Job, JobHandler, Setting, job
from serai.declarations.logs import Log
from serai.declarations.mounts import Mount, RawAnswer, RawRequest
from serai.declarations.plugin import Health, PluginInfo
from serai.declarations.routes import Api, Handler, Route
from serai.declarations.shapes import Encoded, Page, PageQuery

__all__ = [
    "Api",
    "Driver",
    "DriverFactory",
    "Encoded",
    "Event",
    "Handler",
    "Health",
    "Job",
    "JobHandler",
    "Link",
    "Log",
    "MaskName",
    "Mount",
    "Page",
    "PageQuery",
    "Personal",
    "PersonalField",
    "PluginInfo",
    "RawAnswer",
    "RawRequest",
    "Relation",
    "Route",
    "Setting",
    "Subject",
    "Topic",
    "job",
]
