"""List one scope: its projects, then every project's versions, page by page as the service sends them."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions as aws
from botocore.parsers import ResponseParserError

from pipeline.extract.failures import bad_answer, explain
from pipeline.extract.tap import BODY, FLAW
from pipeline.model.page import DESCRIBE_PROJECT_VERSIONS, DESCRIBE_PROJECTS, RESULT_KEYS, RawPage, Scope

PAGE_SIZE = 100
"""The most that either operation gives at a time (API reference, MaxResults)."""
FEATURES = ("CUSTOM_LABELS", "CONTENT_MODERATION")
"""DescribeProjects leaves adapters out unless both are asked for."""
MAX_LISTINGS = 5
"""How often a listing is begun again when its token expires, before the scope is given up."""

_PAGINATORS = {DESCRIBE_PROJECTS: "describe_projects", DESCRIBE_PROJECT_VERSIONS: "describe_project_versions"}


def list_scope(client: Any, scope: Scope, *, threads: int) -> Iterator[RawPage]:
    """Yield every page of the scope: DescribeProjects first, then DescribeProjectVersions project by project.

    So many `threads` list a project each at a time, so pages of different projects interleave. Raises ScopeError as
    soon as any listing fails: what was yielded is then not the whole scope.
    """
    projects: dict[str, None] = {}
    for page in _list(client, scope, DESCRIBE_PROJECTS, ""):
        yield page
        try:
            projects.update(dict.fromkeys(_project_arns(page)))
        except (ValueError, RecursionError) as error:  # JSON all the same, such as a number of 5,000 digits
            doing = _doing(DESCRIBE_PROJECTS, "", page.page_number)
            raise bad_answer(scope, doing, f"its projects cannot be read: {error}") from error
    with closing(_Crew(client, scope, sorted(projects), threads).pages()) as pages:
        yield from pages


def _project_arns(page: RawPage) -> list[str]:
    """Return the ARNs on a DescribeProjects page; an item without one is no project, as flatten will say."""
    listed = json.loads(page.body)[RESULT_KEYS[DESCRIBE_PROJECTS]]
    arns = [item.get("ProjectArn") for item in listed if isinstance(item, dict)]
    return [arn for arn in arns if isinstance(arn, str) and arn]


def _list(client: Any, scope: Scope, operation: str, project_arn: str) -> Iterator[RawPage]:
    """Yield one listing's pages; begun again, with a higher `listing`, when its token expires."""
    for listing in range(1, MAX_LISTINGS + 1):
        doing = _doing(operation, project_arn, 1)
        try:
            for page in _list_once(client, scope, operation, project_arn, listing):
                doing = _doing(operation, project_arn, page.page_number + 1)
                yield page
        except aws.ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ResourceNotFoundException" and project_arn:
                yield _page(operation, project_arn, listing, 0, error.response)  # the project vanished
                return
            if code == "InvalidPaginationTokenException" and listing < MAX_LISTINGS:
                continue
            raise explain(error, scope, doing) from error
        except (aws.BotoCoreError, ResponseParserError, ValueError, KeyError) as error:
            raise explain(error, scope, doing) from error
        else:
            return


def _list_once(client: Any, scope: Scope, operation: str, project_arn: str, listing: int) -> Iterator[RawPage]:
    parameters: dict[str, Any] = {"PaginationConfig": {"PageSize": PAGE_SIZE}}
    if operation == DESCRIBE_PROJECTS:
        parameters["Features"] = list(FEATURES)
    else:
        parameters["ProjectArn"] = project_arn
    tokens: set[str] = set()
    paginator = client.get_paginator(_PAGINATORS[operation])
    for number, answer in enumerate(paginator.paginate(**parameters), 1):
        doing = _doing(operation, project_arn, number)
        if answer.get(FLAW):
            raise bad_answer(scope, doing, answer[FLAW])
        token = answer.get("NextToken")
        if token and token in tokens:
            raise bad_answer(scope, doing, "the service sent a page token it had sent before, which would never end")
        if token:
            tokens.add(token)
        yield _page(operation, project_arn, listing, number, answer)


def _doing(operation: str, project_arn: str, number: int) -> str:
    """Say which page was asked for, for messages."""
    return f"project {project_arn}, {operation} page {number}" if project_arn else f"{operation} page {number}"


def _page(operation: str, project_arn: str, listing: int, number: int, answer: Mapping[str, Any]) -> RawPage:
    metadata = answer["ResponseMetadata"]
    return RawPage(
        operation=operation,
        project_arn=project_arn,
        listing=listing,
        page_number=number,
        http_status=metadata["HTTPStatusCode"],
        observed_at=datetime.now(UTC),
        request_id=metadata.get("RequestId", ""),
        body=answer[BODY],
    )


class _Crew:
    """Threads that list projects side by side, and hand their pages over through a bounded queue."""

    def __init__(self, client: Any, scope: Scope, projects: Iterable[str], threads: int) -> None:
        self._client = client
        self._scope = scope
        self._size = threads
        self._projects: queue.SimpleQueue[str] = queue.SimpleQueue()
        for arn in projects:
            self._projects.put(arn)
        self._pages: queue.Queue[RawPage | Exception | None] = queue.Queue(maxsize=2 * threads)
        self._stopped = threading.Event()

    def pages(self) -> Generator[RawPage, None, None]:
        """Yield every page; the first failure of any listing stops the others and is raised."""
        with ThreadPoolExecutor(self._size, thread_name_prefix=f"list-{self._scope}") as pool:
            at_work = [pool.submit(self._work) for _ in range(self._size)]
            try:
                for _ in at_work:
                    yield from iter(self._take, None)
            finally:
                self._dismiss(at_work)

    def _take(self) -> RawPage | None:
        """Return the next page, None when a thread has found nothing more to do."""
        taken = self._pages.get()
        if isinstance(taken, Exception):
            raise explain(taken, self._scope, DESCRIBE_PROJECT_VERSIONS) from taken
        return taken

    def _work(self) -> None:
        try:
            while not self._stopped.is_set():
                for page in _list(self._client, self._scope, DESCRIBE_PROJECT_VERSIONS, self._projects.get_nowait()):
                    self._pages.put(page)
                    if self._stopped.is_set():
                        return
        except queue.Empty:
            self._pages.put(None)
        except Exception as error:  # noqa: BLE001  # handed to the caller's thread, which raises it
            self._pages.put(error)

    def _dismiss(self, at_work: Sequence[Future[None]]) -> None:
        """Let the threads end; one may still be waiting to hand a page over."""
        self._stopped.set()
        while not all(future.done() for future in at_work):
            with suppress(queue.Empty):
                self._pages.get(timeout=0.05)
