"""The commands `pictures`, `calibrate` and `lines`: what they take, and what they do with it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trainer.errors import TrainerError
from trainer.recipe import LARGE, TUNED, LineRecipe, Recipe

LARGE_HELP = "larger teachers along with the students, and longer: for a machine with an accelerator"
_NPZ = "written by `service read … --npz`; may be given again"


def add_pictures(commands: Any) -> argparse.ArgumentParser:
    """Adds the command `pictures` to argparse's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "pictures", help="write the held-out pictures as PNG files, for calibrating through the service's pipeline"
    )
    parser.set_defaults(run_command=_pictures)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder, or an empty one")
    parser.add_argument("--seed", type=int, help="the one that was given to train")
    parser.add_argument("--validation", type=int, metavar="N", help="the number that was given to train")
    return parser


def add_calibrate(commands: Any) -> argparse.ArgumentParser:
    """Adds the command `calibrate` to argparse's `commands`."""
    recipe = Recipe()
    parser: argparse.ArgumentParser = commands.add_parser(
        "calibrate", help="publish a version's network as the next version, calibrated on other pictures"
    )
    parser.set_defaults(run_command=_calibrate)
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="such as artifacts/digits/2")
    sets = (
        ("--npz", True, f"digits and pictures of none to fit on, {_NPZ}"),
        ("--distorted", False, f"more of them, for the scales but not for the thresholds, {_NPZ}"),
        ("--measure", False, f"pictures to report on, {_NPZ}"),
    )
    for flag, required, text in sets:
        parser.add_argument(
            flag, type=Path, nargs="+", action="extend", default=[], required=required, metavar="FILE", help=text
        )
    rates = (
        ("--kept-digits", recipe.kept_digits, "share of the digits that must be taken for one"),
        ("--wrong-of-ok", recipe.wrong_of_ok, "share of what is answered `ok` that may be wrong"),
        ("--coverage", 0.0, "share of the digits that must be answered `ok`, even where more are wrong then"),
    )
    for flag, value, text in rates:
        parser.add_argument(flag, type=_share, default=value, metavar="SHARE", help=f"{text} (default: {value})")
    return parser


def add_lines(commands: Any) -> argparse.ArgumentParser:
    """Adds the command `lines` to argparse's `commands`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "lines",
        help="train the reader of lines, and publish it beside a version's reader of digits as the next version",
    )
    parser.set_defaults(run_command=_lines)
    parser.add_argument("artifact", type=Path, metavar="ARTIFACT", help="such as artifacts/digits/2")
    parser.add_argument("--run", type=Path, default=Path("runs/lines"), metavar="DIR", help="folder for checkpoints")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in that folder; begin one if there is none or it is done",
    )
    add_line_epochs(parser)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--large", action="store_true", help=LARGE_HELP)
    size.add_argument(
        "--tune", action="store_true", help="go on with the version's own reader of lines, by small steps"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="train on N lines an epoch only")
    parser.add_argument("--seed", type=int, help="the one that was given to train")
    parser.add_argument("--validation", type=int, metavar="N", help="the number that was given to train")
    parser.add_argument("--precision", choices=("auto", "bfloat16", "float32"))
    parser.add_argument(
        "--measure", type=Path, nargs="+", default=[], metavar="FILE", help=f"pictures to report on, {_NPZ}"
    )
    return parser


def add_line_epochs(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Adds the option that sets how long the reader of lines is trained; `more` goes on with its help."""
    parser.add_argument(
        "--line-epochs",
        type=int,
        metavar="EPOCHS",
        help=f"of the reader of lines{more}",
    )


def line_recipe(arguments: argparse.Namespace, tuned: int | None = None) -> dict[str, Any]:
    """What the command line sets of the recipe's `lines`; nothing where it does not. `tuned`: the version that they begin with."""
    changed: dict[str, Any] = LARGE["lines"].model_dump() if arguments.large else {}
    if tuned is not None:
        changed |= TUNED | {"begun_with": tuned}
    if arguments.line_epochs is not None:
        changed |= {"epochs": arguments.line_epochs}
    if arguments.limit is not None:
        changed |= {"chunks": 1, "lines": min(arguments.limit, LineRecipe().lines)}
    return {"lines": changed} if changed else {}


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _pictures(arguments: argparse.Namespace) -> None:
    from trainer import pictures
    from trainer.data import load_mnist

    given = {name: getattr(arguments, name) for name in ("seed", "validation") if getattr(arguments, name) is not None}
    recipe = checked_recipe(given)
    count = pictures.run(load_mnist(arguments.data, check=not arguments.any_data), recipe, arguments.out)
    print(f"{arguments.out}: {count:,} pictures, with their labels in labels.csv")


def _calibrate(arguments: argparse.Namespace) -> None:
    from trainer.calibrate import Rates
    from trainer.data import load_mnist
    from trainer.npz import load_pictures
    from trainer.recalibrate import recalibrate
    from trainer.served import load_served

    given = {name: getattr(arguments, name) for name in ("npz", "distorted", "measure")}
    sets = {name: [load_pictures(path) for path in paths] for name, paths in given.items()}
    asked = Rates(arguments.kept_digits, arguments.wrong_of_ok, arguments.coverage)
    words = [
        f"--{name} {shlex.quote(path.name)}" for name, paths in given.items() if name != "measure" for path in paths
    ]
    words += [f"--{name.replace('_', '-')} {value}" for name, value in vars(asked).items()]
    recalibrate(
        arguments.artifact,
        sets["npz"],
        asked,
        load_mnist(arguments.data, check=not arguments.any_data),
        arguments.artifacts,
        arguments.verify,
        command=" ".join(["python -m trainer calibrate", arguments.artifact.resolve().name, *words]),
        distorted=sets["distorted"],
        measured=sets["measure"],
        served=load_served(arguments.served) if arguments.served else None,
    )


def _lines(arguments: argparse.Namespace) -> None:
    from trainer import line_fit
    from trainer.data import load_mnist
    from trainer.lines import Begun, of_run
    from trainer.manifest import libraries, source_commit
    from trainer.model import choose_precision
    from trainer.npz import load_pictures
    from trainer.progress import say
    from trainer.recalibrate import open_manifest, release_with_lines
    from trainer.runs import Run, RunConfig

    artifact: Path = arguments.artifact
    tuned = open_manifest(artifact) if arguments.tune else None
    mnist = load_mnist(arguments.data, check=not arguments.any_data)
    given: dict[str, Any] = {
        name: value for name in ("seed", "validation", "precision") if (value := getattr(arguments, name)) is not None
    }
    words = ["--large"] if arguments.large else [f"{tuned.version} --tune"] if tuned else []
    words += [
        f"--{name.replace('_', '-')} {value}"
        for name in ("seed", "validation", "precision", "line_epochs", "limit")
        if (value := getattr(arguments, name)) is not None
    ]
    given |= line_recipe(arguments, tuned.version if tuned else None)
    recipe = checked_recipe(given)
    run = Run.resumed(arguments.run, given, mnist.sha256) if arguments.resume else None
    if run is None:
        say(f"{arguments.run}: a new run")
        run = Run.start(
            arguments.run,
            RunConfig(
                recipe=recipe,
                given=given,
                precision=choose_precision(recipe.precision),
                command=" ".join(["python -m trainer lines", *words]),
                source_commit=source_commit(),
                libraries=libraries(),
                data_sha256=mnist.sha256,
            ),
        )
    with run.held():
        begun = Begun(artifact, tuned.lines.lines_seen) if tuned and tuned.lines else None
        line_fit.train_lines(run, mnist, begun.weights if begun else None)
        measured = [load_pictures(path) for path in arguments.measure]
        folder = release_with_lines(
            artifact, of_run(run, mnist, begun), mnist, arguments.artifacts, arguments.verify, measured
        )
        run.published(int(folder.name))


def checked_recipe(given: dict[str, Any]) -> Recipe:
    """The recipe with these fields set. Raises `TrainerError`, which names the option that cannot be."""
    try:
        return Recipe.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{'line-' if first['loc'][0] == 'lines' else ''}{first['loc'][-1]}"
        raise TrainerError(f"--{name.replace('_', '-')}: {first['msg']}") from None
