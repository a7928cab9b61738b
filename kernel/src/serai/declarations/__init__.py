"""What plugin authors write: plain data that the kernel acts upon."""

from serai.declarations.drivers import Driver, DriverFactory, Link
from serai.declarations.encryption import EncryptedColumn
from serai.declarations.feed import Event, Followed, Topic
from serai.declarations.fields import MaskName, Personal, PersonalField, Relation, Subject
from serai.declarations.jobs import Job, JobHandler, Setting, job
from serai.declarations.logs import Log
from serai.declarations.mounts import Mount, RawAnswer, RawRequest
from serai.declarations.plugin import Health, PluginInfo
from serai.declarations.routes import Api, FeedRoute, Handler, Route, Sight
from serai.declarations.services import Service
from serai.declarations.shapes import Encoded, Page, PageQuery
from serai.declarations.subscriptions import Subscription, subscription
from serai.declarations.tasks import Retry, Task, TaskRun, task

__all__ = [
    "Api",
    "Driver",
    "DriverFactory",
    "Encoded",
    "EncryptedColumn",
    "Event",
    "FeedRoute",
    "Followed",
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
    "Retry",
    "Route",
    "Service",
    "Setting",
    "Sight",
    "Subject",
    "Subscription",
    "Task",
    "TaskRun",
    "Topic",
    "job",
    "subscription",
    "task",
]
