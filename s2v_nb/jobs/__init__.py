"""Work in the background: asked for by files, done by a process of its own, seen by every page and every kernel."""

from s2v_nb.jobs.job import Job
from s2v_nb.jobs.tasks import Task, TaskState

__all__ = ["Job", "Task", "TaskState"]
