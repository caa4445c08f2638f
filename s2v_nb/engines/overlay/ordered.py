"""Work spread over threads whose results come in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from s2v_nb.session import cpu_count

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_THREADS = 24  # by default: beyond that memory fills faster than time is won
AHEAD = 2  # items begun beyond one for each thread, so that none waits while a result is taken


def ordered(work: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in the order of the items, made by ``threads`` threads (a core each if None).

    At most ``threads + AHEAD`` items are begun before their results are taken, so that memory stays bounded; an error
    comes out where its result would have. Unlike `concurrent.futures.Executor.map`, which begins all of them at once.
    """
    number = threads or min(MOST_THREADS, cpu_count())
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(number, thread_name_prefix="overlay") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= number + AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # whoever leaves early waits only for what runs
            for future in waiting:
                future.cancel()
