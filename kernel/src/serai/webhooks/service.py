"""What one process does for webhooks."""

from __future__ import annotations

from serai.context import Context, Database
from serai.declarations import Log, Task
from serai.outgoing.client import HttpClient
from serai.webhooks.deliveries import Deliveries, Delivery
from serai.webhooks.dispatcher import Dispatcher
from serai.webhooks.sender import Sender, deliver_webhook
from serai.webhooks.topics import TopicBook
from serai.work.feed import Feed
from serai.work.queue import PluginQueue
from serai.work.task_runner import TaskRunner

KERNEL = "kernel"
"""Deliveries are the kernel's tasks: `kernel.deliver_webhook`."""


def deliveries_in(database: Database, task: Task[Delivery] = deliver_webhook) -> Deliveries:
    """The deliveries of a deployment, also where none is sent (the command line)."""
    return Deliveries(database, PluginQueue(KERNEL, [task], database), task)


class Webhooks:
    """Makes deliveries of what happens and sends them; plugins that serve put their topics in `topics`."""

    def __init__(
        self,
        database: Database,
        *,
        tasks: TaskRunner,
        feed: Feed,
        http: HttpClient,
        log: Log,
        task: Task[Delivery] = deliver_webhook,
    ) -> None:
        self.topics = TopicBook()
        self.deliveries = deliveries_in(database, task)
        self._http = http
        self._tasks = tasks
        self._task = task
        self._sender = Sender(
            database=database,
            deliveries=self.deliveries,
            feed=feed,
            http=http,
            topics=self.topics,
            retry=task.retry,
        )
        self._dispatcher = Dispatcher(database, self.deliveries, self.topics, log)

    def start(self, context: Context, version: str) -> None:
        """Begin; what the routes and the task need is provided to the kernel's context."""
        context.provide(Deliveries, self.deliveries)
        context.provide(TopicBook, self.topics)
        context.provide(HttpClient, self._http)
        context.provide(Sender, self._sender)
        self._tasks.add(KERNEL, version, [self._task], context)
        self._dispatcher.start()

    async def stop(self) -> None:
        """Make no more deliveries; the queue's runner ends those that are being sent."""
        await self._dispatcher.stop()
