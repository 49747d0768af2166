"""``radiofuse serve``: bundles answer in the browser; images in, a page for doctor and patient out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiofuse.commands import terminal
from radiofuse.commands.naming import Key, Naming, Pseudonymize
from radiofuse.commands.sign import SignedBy
from radiofuse.commands.trust import Trust
from radiofuse.errors import RequestError

app = terminal.command_app(__doc__)

OF_THE_EXTRA = ("starlette", "uvicorn", "python_multipart", "jinja2")
OPEN = (
    "Warning: {host} is reached from other machines, and what goes to and fro is not encrypted. Put the server behind "
    "a reverse proxy with TLS, or leave --host out."
)


@app.command()
@terminal.answers
def main(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Bundle folders, or output folders of runs.")],
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the results are kept.")] = Path("served_results"),
    host: Annotated[
        str, typer.Option(help="The address to listen at; the default is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any that is free.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that a reverse proxy calls the server by; repeat it."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Patients computed at a time, a process each.")] = 1,
    most_mb: Annotated[int, typer.Option(min=1, help="Megabytes that an upload may have.")] = 2000,
    most_files: Annotated[int, typer.Option(min=1, help="Files that an upload may have.")] = 5000,
    most_uploads: Annotated[int, typer.Option(min=1, help="Uploads on the disk at a time.")] = 50,
    signed_by: SignedBy = None,
    key: Key = None,
    pseudonymize: Pseudonymize = None,
    trust: Trust = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show what libraries print; it may name patients and files.")
    ] = False,
) -> None:
    """Serve bundles to browsers: images in, in a queue; a page and JSON out."""
    try:
        with terminal.quick_imports():
            from radiofuse.serve.limits import Limits
            from radiofuse.serve.server import Address, listen, serve
            from radiofuse.serve.service import Service
            from radiofuse.serve.tasks import Models
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in OF_THE_EXTRA:
            raise
        raise RequestError(f"{error.name} is not installed. Install it: pip install 'radiofuse[serve]'.") from None

    address = Address(host, port, tuple(allow_host or ()))
    if address.is_open:
        terminal.say(OPEN.format(host=host))
    models = Models(tuple(bundles), Naming(key, pseudonymize), signed_by, tuple(trust or ()))
    with listen(address) as listening:
        service = Service(models, results, Limits(most_mb, most_files, most_uploads), workers, is_loud=verbose)
        for bundle in service.bundles:
            terminal.say(f"{bundle['title']}: reads {', '.join(bundle['sequences'])}.")
            for sentence in bundle["version_warnings"]:
                terminal.say(f"Warning: {sentence}")
        terminal.say(f"Results are kept in {results}. Ctrl-C ends the server and removes all uploads.")
        serve(service, address, listening, _tell)
    terminal.say("Ended. Every upload is removed.")


def _tell(link: str) -> None:
    print(f"Open this link once in each browser: {link}", flush=True)
