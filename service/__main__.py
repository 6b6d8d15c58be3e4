"""The command line: `python -m service serve | read FILE… | verify ARTIFACT | openapi`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from service.errors import ArtifactRefused, DigitsError, PictureError, SettingsError
from service.settings import Settings, unknown_names

WRONG = 2
"""The exit status when nothing could be done; 1: some of it could."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except DigitsError as error:
        print(f"digits: {error.detail}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m service", description="Reads handwritten digits.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve HTTP; settings are environment variables DIGITS_…")
    serve.add_argument("--host", help="address to listen on (DIGITS_HOST)")
    serve.add_argument("--port", help="port to listen on (DIGITS_PORT, PORT)")
    serve.set_defaults(command=_serve)
    read = commands.add_parser("read", help="read pictures of one digit each")
    read.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a picture")
    read.add_argument("--json", action="store_true", help="one JSON object a line")
    read.set_defaults(command=_read)
    verify = commands.add_parser("verify", help="check a version of the model: checksums, manifest, golden questions")
    verify.add_argument("artifact", type=Path, metavar="ARTIFACT", help="the version's folder")
    verify.set_defaults(command=_verify)
    openapi = commands.add_parser("openapi", help="print the OpenAPI document")
    openapi.set_defaults(command=_openapi)
    return parser


# What a command needs is imported when it runs: `openapi` and a wrong argument should not wait for the rest.


def _serve(options: argparse.Namespace) -> int:
    settings = Settings.read(host=options.host, port=options.port)
    from service.app import create_app
    from service.server import announce, bind, end_process, serve
    from service.telemetry.logging import configure
    from service.workers import serve_workers

    configure(settings.log_format, settings.log_level)
    for line in unknown_names(os.environ):
        logging.getLogger("service").warning(line)
    listening = bind(settings)
    if settings.workers > 1:
        serve_workers(settings, listening)
    else:
        serve(create_app(settings, on_ready=announce(settings, listening)), listening)
        end_process()
    return 0


def _read(options: argparse.Namespace) -> int:
    settings = Settings.read()
    from pydantic_core import to_jsonable_python

    from service.model.registry import candidates, scan
    from service.model.version import Verified, runtime, verify
    from service.schemas import digit_reading

    folders = scan(settings.artifacts)
    verified: Verified | None = None
    for number in candidates(settings.artifacts, list(folders), settings.version):
        try:
            verified = verify(folders[number], settings, runtime(settings))
            break
        except ArtifactRefused as error:
            print(f"digits: version {number} was refused: {error.detail}", file=sys.stderr)
    if verified is None:
        raise SettingsError(f"no version of the model in {settings.artifacts} can be used")

    status = 0
    for file in options.files:
        try:
            reading = verified.reader.digit(file.read_bytes())
        except (OSError, PictureError) as error:
            reason = error.strerror if isinstance(error, OSError) else error.detail
            print(f"digits: {file}: {reason}", file=sys.stderr)
            status = 1
            continue
        if options.json:
            answer = to_jsonable_python(digit_reading(reading, verified.artifact.manifest))
            print(json.dumps({"file": str(file), "reading": answer}), flush=True)
        elif reading.digit is None:
            print(f"{file}: {reading.status}", flush=True)
        else:
            print(f"{file}: {reading.digit} ({reading.status}, {reading.confidence:.1%})", flush=True)
    return status


def _verify(options: argparse.Namespace) -> int:
    from service.model.version import runtime, verify

    settings = Settings.read()
    try:
        verified = verify(options.artifact, settings, runtime(settings))
    except ArtifactRefused as error:
        print(f"digits: {options.artifact}: {error.detail}", file=sys.stderr)
        return WRONG
    artifact, golden = verified.artifact, verified.golden
    print(
        f"{options.artifact}: {artifact.manifest.name} version {artifact.manifest.version} is good: {artifact.files} files, "
        f"the manifest, {len(golden.images)} questions to the model, {len(golden.pictures)} pictures"
    )
    return 0


def _openapi(options: argparse.Namespace) -> int:
    from service.app import create_app

    print(json.dumps(create_app(Settings.read()).openapi(), indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
