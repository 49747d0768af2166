"""What the server is asked, by address, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from radiofuse.errors import RadiofuseError
from radiofuse.serve import pages
from radiofuse.serve.choices import choice_of, why_not
from radiofuse.serve.guard import Guard, refused
from radiofuse.serve.jobs import DONE
from radiofuse.serve.receiver import AROUND_FILES, Receiver, too_large
from radiofuse.serve.refusal import RefusedError
from radiofuse.serve.results import DAMAGED
from radiofuse.serve.service import Service
from radiofuse.serve.tasks import ANSWER
from radiofuse.serve.uploads import FILES, Upload

LONGEST_FORM = 64_000  # bytes; files come another way
LEFT = "Looked at, and not started."
SEE_OTHER, CREATED = 303, 201
PAGES = {"doctor.html": "Page for the doctor", "patient.html": "Page for the patient"}


def make_app(service: Service, guard: Guard) -> Starlette:
    """Return the application."""
    door = _Door(service, guard)
    routes = [
        Route("/", door.start),
        Route("/models", door.models),
        Route("/reports/{number}", door.report),
        Route("/results", door.results),
        Route("/results/{name}", door.result),
        Route("/results/{name}/remove", door.remove_result, methods=["POST"]),
        Route("/results/{name}/{file}", door.result_file),
        Route("/uploads", door.receive, methods=["POST"]),
        Route("/uploads/{name}", door.sheet),
        Route("/uploads/{name}/answer", door.answer, methods=["POST"]),
        Route("/uploads/{name}/answer", door.answered),
        Route("/uploads/{name}/check", door.check, methods=["POST"]),
        Route("/uploads/{name}/remove", door.remove_upload, methods=["POST"]),
        Route("/jobs/{name}", door.job),
        Route("/jobs/{name}/events", door.events),
        Route("/jobs/{name}/stop", door.stop, methods=["POST"]),
    ]
    handlers: Mapping[Any, Any] = {
        RefusedError: refused,
        HTTPException: _no_such_page,
        RadiofuseError: _no_disk,
        OSError: _no_disk,
    }
    app = Starlette(
        routes=routes,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guard)],
        exception_handlers=handlers,
        lifespan=door.lifespan,
    )
    app.router.redirect_slashes = False  # an address that is not ours is none
    return app


class _Door:
    """The handlers, each for one address."""

    def __init__(self, service: Service, guard: Guard) -> None:
        self._service, self._guard = service, guard

    async def start(self, request: Request) -> Response:
        """The page on which an upload begins."""
        left = [(f"/uploads/{one.id}", LEFT) for one in self._service.uploads.all() if one.is_looked_at]
        jobs = [(f"/jobs/{job.id}", pages.said_of(self._service.told(job))) for job in self._service.queue.jobs()]
        token, limits = self._guard.form_token(request), self._service.limits
        results = self._service.results.all()
        return HTMLResponse(pages.start_page(token, limits, self._service.bundles, [*left, *jobs], results))

    async def models(self, request: Request) -> Response:
        """What the models answer."""
        return HTMLResponse(pages.models_page(self._service.bundles))

    async def report(self, request: Request) -> Response:
        """The report of a bundle's experiment."""
        reports = {str(number): bundle["report"] for number, bundle in enumerate(self._service.bundles)}
        report = reports.get(request.path_params["number"])
        if not report:
            raise RefusedError(404, "There is no report beside this bundle.")
        return _page_file(Path(report))

    # ------------------------------------------------------------ uploads

    async def receive(self, request: Request) -> Response:
        """Take the files of a patient."""
        if int(request.headers.get("content-length", "0")) > self._service.limits.upload_bytes + AROUND_FILES:
            raise RefusedError(413, too_large(self._service.limits))
        upload = self._service.uploads.new()
        try:
            await self._receive(request, upload)
        except BaseException:  # the end of the server too: it must not leave a place taken
            self._service.uploads.remove(upload)
            raise
        page = f"/jobs/{self._service.look(upload).id}"
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"page": page, "upload": upload.id}, CREATED)
        return RedirectResponse(page, SEE_OTHER)

    async def _receive(self, request: Request, upload: Upload) -> None:
        def check(given: str) -> None:
            self._guard.require_form_token(request, given or request.headers.get("x-radiofuse-token", ""))

        receiver = Receiver(upload.folder / FILES, self._service.limits, check)
        await receiver.receive(request.headers.get("content-type", ""), request.stream())
        if not receiver.files:
            raise RefusedError(422, "No file came. Drop the patient's folder on the page of the start, or choose it.")
        upload.files = receiver.files

    async def sheet(self, request: Request) -> Response:
        """The contact sheet of an upload."""
        job = self._service.answer_of(request.path_params["name"])
        if job is not None:  # it may be long done, and the upload gone
            return RedirectResponse(f"/jobs/{job.id}", SEE_OTHER)
        upload = self._service.uploads.get(request.path_params["name"])
        return self._sheet(request, upload, self._looked(upload), {})

    async def answered(self, request: Request) -> Response:
        """Lead who loads the address of an answer again to what came of it, or back to the contact sheet."""
        return RedirectResponse(f"/uploads/{request.path_params['name']}", SEE_OTHER)

    async def check(self, request: Request) -> Response:
        """Say why what is chosen on a contact sheet cannot be started, "" where it can."""
        form = await self._form(request)
        look = self._looked(self._service.uploads.get(request.path_params["name"]))
        return JSONResponse({"why_not": why_not(look, self._service.bundles, form)})

    def _sheet(
        self, request: Request, upload: Upload, look: Mapping[str, Any], said: Mapping[str, str], trouble: str = ""
    ) -> Response:
        token = self._guard.form_token(request)
        page = pages.sheet_page(upload.id, token, look, self._service.bundles, said, trouble)
        return HTMLResponse(page, 422 if trouble else 200)

    def _looked(self, upload: Upload) -> Mapping[str, Any]:
        if upload.look is None or upload.look.state != DONE:
            raise RefusedError(409, "The images are still looked at. Wait for the page of the upload.")
        value: Mapping[str, Any] = upload.look.value
        return value

    async def answer(self, request: Request) -> Response:
        """Put the answer for an upload into the queue."""
        form = await self._form(request)
        upload = self._service.uploads.get(request.path_params["name"])
        look = self._looked(upload)
        try:
            job = self._service.answer(upload, choice_of(look, self._service.bundles, form))
        except RefusedError as error:
            if "application/json" in request.headers.get("accept", ""):
                raise
            return self._sheet(request, upload, look, form, error.sentence)
        return self._see(request, f"/jobs/{job.id}")

    async def remove_upload(self, request: Request) -> Response:
        """Remove an upload that is not to be computed."""
        await self._form(request)
        self._service.remove(self._service.uploads.get(request.path_params["name"]))
        return self._see(request, "/")

    # ------------------------------------------------------------ the queue

    async def job(self, request: Request) -> Response:
        """How far a job is; one that is done leads to what came of it."""
        name = request.path_params["name"]
        about = {one["id"]: one for one in self._service.results.all()}.get(name)
        job = self._service.find(name)
        if about is not None and (job is None or job.has_ended):
            return RedirectResponse(f"/results/{name}", SEE_OTHER)
        job = self._service.job(name)
        if job.state == DONE:
            return RedirectResponse(f"/uploads/{job.upload.id}", SEE_OTHER)
        told = self._service.told(job)
        return HTMLResponse(pages.job_page(name, self._guard.form_token(request), told, has_ended=job.has_ended))

    async def events(self, request: Request) -> Response:
        """What a page that watches is told."""
        job = self._service.job(request.path_params["name"])

        def tell() -> dict[str, Any]:
            told = self._service.told(job)
            return told | {"said": pages.said_of(told)}

        return StreamingResponse(self._service.board.follow(tell), media_type="text/event-stream")

    async def stop(self, request: Request) -> Response:
        """Take a job out of the queue and remove its images."""
        await self._form(request)
        self._service.remove(self._service.job(request.path_params["name"]).upload)
        return self._see(request, "/")

    # ------------------------------------------------------------ results

    async def results(self, request: Request) -> Response:
        """All results."""
        return HTMLResponse(pages.results_page(self._service.results.all()))

    async def result(self, request: Request) -> Response:
        """One result."""
        about = self._service.results.about(request.path_params["name"])
        job = self._service.find(about["id"])
        if job is not None and not job.has_ended:
            return RedirectResponse(f"/jobs/{about['id']}", SEE_OTHER)
        place, told = self._service.results.place(about["id"]), self._service.results.answer(about["id"])
        if told is None and about.get("state") == DONE:
            about["sentence"] = DAMAGED
        there = [(f"/results/{about['id']}/{name}", said) for name, said in PAGES.items() if (place / name).is_file()]
        return HTMLResponse(pages.result_page(about, self._guard.form_token(request), told, there))

    async def result_file(self, request: Request) -> Response:
        """A page or the JSON of a result."""
        name = request.path_params["file"]
        about = self._service.results.about(request.path_params["name"])
        path = self._service.results.place(about["id"]) / name
        if name not in (ANSWER, *PAGES) or about.get("state") != DONE or not path.is_file():
            raise RefusedError(404, "The result has no such page.")
        return FileResponse(path, media_type="application/json") if name == ANSWER else _page_file(path)

    async def remove_result(self, request: Request) -> Response:
        """Remove a result."""
        await self._form(request)
        about = self._service.results.about(request.path_params["name"])
        job = self._service.find(about["id"])
        if job is not None:
            self._service.remove(job.upload)
        self._service.results.remove(about["id"])
        return self._see(request, "/results")

    # ------------------------------------------------------------ parts

    async def _form(self, request: Request) -> dict[str, str]:
        """Return the fields of a small form whose token is that of the browser."""
        text = b""
        async for piece in request.stream():
            text += piece
            if len(text) > LONGEST_FORM:
                raise RefusedError(413, f"A form may have {LONGEST_FORM} bytes.")
        fields = dict(parse_qsl(text.decode(errors="replace"), keep_blank_values=True))
        self._guard.require_form_token(request, fields.get("token") or request.headers.get("x-radiofuse-token", ""))
        return fields

    def _see(self, request: Request, page: str) -> Response:
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"page": page}, CREATED)
        return RedirectResponse(page, SEE_OTHER)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Begin and end with the server."""
        self._service.board.bind()
        sweeping = asyncio.create_task(self._service.uploads.sweep())
        yield
        sweeping.cancel()
        self._service.board.close()


def _page_file(path: Path) -> Response:
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": pages.shown_policy()})


def _no_disk(request: Request, error: Exception) -> Response:
    """Tell of a file that cannot be read or written, without its path."""
    return refused(request, RefusedError(507, "The server's disk refuses. Tell who runs the server."))


def _no_such_page(request: Request, error: Exception) -> Response:
    return refused(request, RefusedError(404, "There is no such page."))
