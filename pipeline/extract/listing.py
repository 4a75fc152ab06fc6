"""List one scope: its projects, the versions of each, and the details of each resource."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from pipeline.errors import ScopeError
from pipeline.extract.calls import Calls
from pipeline.extract.failures import bad_answer, code_of
from pipeline.extract.resources import projects_on, versions_on
from pipeline.extract.response import Answer, answer_of
from pipeline.model.operations import (
    DESCRIBE_PROJECT_VERSIONS,
    DESCRIBE_PROJECTS,
    OPERATIONS,
    Operation,
    Resource,
    detail_operation,
)
from pipeline.model.page import RawPage

MAX_LISTINGS = 5
"""How often a listing is begun when its token expires, before the scope is given up."""

T = TypeVar("T")


Land = Callable[[RawPage], None]
"""Lands a page."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is listed: an operation, and the project and the resource of it that it is called for, if any."""

    operation: Operation
    project_arn: str = ""
    resource_arn: str = ""

    @property
    def arn(self) -> str:
        """What the operation is called for."""
        return self.resource_arn or self.project_arn

    def doing(self, number: int) -> str:
        """Name a page, for messages."""
        page = f"{self.operation.name} page {number}"
        if self.arn == self.project_arn:
            return f"project {self.arn}, {page}" if self.arn else page
        return f"{self.arn}, {page}"

    def page(self, answer: Answer, listing: int, number: int) -> RawPage:
        """Return an answer as a page."""
        return RawPage(
            operation=self.operation.name,
            project_arn=self.project_arn,
            listing=listing,
            page_number=number,
            http_status=answer.metadata["HTTPStatusCode"],
            observed_at=datetime.now(UTC),
            request_id=answer.metadata.get("RequestId", ""),
            body=answer.body,
            resource_arn=self.resource_arn,
            digest=answer.examined.digest,
        )


@dataclass(frozen=True, slots=True)
class Project:
    """A project that was listed; `versions` are their ARNs, if a detail needs them, and all there once `is_listed`."""

    arn: str
    datasets: list[str]
    versions: list[str] = field(default_factory=list)
    is_listed: asyncio.Event = field(default_factory=asyncio.Event)


async def list_scope(calls: Calls, land: Land, details: Collection[str]) -> dict[str, ScopeError | None]:
    """List a scope and land every page; returns the details, each with its error if it failed.

    ScopeError if the projects or their versions cannot be listed to the end.
    """
    listing = Listing(calls, land)
    operations = [detail_operation(detail) for detail in details]
    projects = await listing.projects()
    async with _failing_together() as tasks:
        with_arns = any(operation.resource is Resource.ANY for operation in operations)
        tasks.create_task(listing.versions(projects, with_arns=with_arns))
        listed = {operation.detail: tasks.create_task(listing.detail(operation, projects)) for operation in operations}
    return {detail: task.result() for detail, task in listed.items()}


class Listing:
    """The parts of a scope's listing."""

    def __init__(self, calls: Calls, land: Land) -> None:
        self._calls = calls
        self._land = land

    async def projects(self) -> list[Project]:
        """List the projects; returns them in the order of their ARNs, which is that of the tables."""
        found: dict[str, list[str]] = {}
        subject = Subject(OPERATIONS[DESCRIBE_PROJECTS])
        async for page in self._pages(subject):
            if page.page_number == 1:
                found.clear()  # a new listing counts alone
            found.update(self._read(subject, page, projects_on))
        return [Project(arn, datasets) for arn, datasets in sorted(found.items())]

    async def versions(self, projects: list[Project], *, with_arns: bool) -> None:
        """List each project's versions, and note their ARNs if they are needed."""

        async def list_versions(project: Project, _: str) -> None:
            subject = Subject(OPERATIONS[DESCRIBE_PROJECT_VERSIONS], project.arn)
            async for page in self._pages(subject):
                if with_arns:
                    project.versions.extend(self._read(subject, page, versions_on))
            project.is_listed.set()

        await self._each(_resources(projects, Resource.PROJECT), list_versions)

    async def detail(self, operation: Operation, projects: list[Project]) -> ScopeError | None:
        """List a detail of each resource; returns the error if that failed, as a detail fails alone."""

        async def list_detail(project: Project, arn: str) -> None:
            async for _ in self._pages(Subject(operation, project.arn, arn)):
                pass  # nothing follows from it

        try:
            await self._each(_resources(projects, operation.resource), list_detail)
        except ScopeError as error:
            return error
        return None

    async def _each(
        self, resources: AsyncIterator[tuple[Project, str]], work: Callable[[Project, str], Awaitable[None]]
    ) -> None:
        """Work on each resource in order, on a few at a time; the first error stops the rest."""
        free = asyncio.Semaphore(self._calls.in_flight)

        async def work_on(project: Project, arn: str) -> None:
            try:
                await work(project, arn)
            finally:
                free.release()

        async with _failing_together() as tasks:
            async for project, arn in resources:
                await free.acquire()
                tasks.create_task(work_on(project, arn))

    async def _pages(self, subject: Subject) -> AsyncIterator[RawPage]:
        """List a subject page by page; lands each page before it is yielded.

        Begins again under a higher listing number if the token expires. If the project or resource has vanished, the
        answer that says so is landed as page 0, and not yielded.
        """
        listing, number, token = 1, 1, ""
        seen: set[str] = set()
        while True:
            doing = subject.doing(number)
            try:
                answer = await self._calls.call(subject.operation, subject.arn, token, doing)
            except ScopeError:
                raise
            except Exception as error:
                code = code_of(error)
                if code == "ResourceNotFoundException" and subject.project_arn:
                    gone = answer_of(error.response)  # type: ignore[attr-defined]  # only ClientError has a code
                    self._land(subject.page(gone, listing, 0))
                    return
                if code == "InvalidPaginationTokenException" and token and listing < MAX_LISTINGS:
                    listing, number, token = listing + 1, 1, ""
                    seen.clear()
                    continue
                raise await self._calls.explained(error, doing) from error
            token = answer.examined.token
            page = subject.page(answer, listing, number)
            self._land(page)
            self._count(answer, subject.operation)
            yield page
            if not token:
                return
            if token in seen:
                what = "the service sent a page token it had sent before, which would never end"
                raise bad_answer(self._calls.scope, doing, what)
            seen.add(token)
            number += 1

    def _count(self, answer: Answer, operation: Operation) -> None:
        counters = self._calls.counters
        counters.pages += 1
        if operation.name == DESCRIBE_PROJECT_VERSIONS:
            counters.versions += answer.examined.items

    def _read(self, subject: Subject, page: RawPage, read: Callable[[bytes], T]) -> T:
        """Return what `read` finds in a page's body; ScopeError if it cannot read it."""
        try:
            return read(page.body)
        except ValueError as error:  # JSON all the same, such as a number of 5,000 digits
            what = f"what it lists cannot be read: {error}"
            raise bad_answer(self._calls.scope, subject.doing(page.page_number), what) from error


async def _resources(projects: list[Project], kind: Resource) -> AsyncIterator[tuple[Project, str]]:
    """Yield the resources of a kind in the order of their projects, each once, as they become known."""
    known: set[str] = set()
    for project in projects:
        async for arn in _resources_of(project, kind):
            if arn not in known:
                known.add(arn)
                yield project, arn


async def _resources_of(project: Project, kind: Resource) -> AsyncIterator[str]:
    if kind in {Resource.PROJECT, Resource.ANY}:
        yield project.arn
    if kind in {Resource.DATASET, Resource.ANY}:
        for arn in project.datasets:
            yield arn
    if kind is Resource.ANY:
        await project.is_listed.wait()
        for arn in project.versions:
            yield arn


@asynccontextmanager
async def _failing_together() -> AsyncIterator[asyncio.TaskGroup]:
    """Run tasks of which the first that fails stops the others; raises its error, and no group of errors."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
