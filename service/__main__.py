"""The command line: `python -m service serve | read FILE… | verify ARTIFACT | openapi`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from service.commands import read as read_command
from service.errors import ArtifactRefused, DigitsError
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
    read = commands.add_parser("read", help="read pictures of one digit each, or with --number of whole numbers")
    read_command.add_arguments(read)
    read.set_defaults(command=read_command.run)
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
