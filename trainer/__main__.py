"""python -m trainer explore · train · evaluate · export · pictures · calibrate · lines"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from trainer import line_fit, lines
from trainer.commands import (
    LARGE_HELP,
    add_calibrate,
    add_line_epochs,
    add_lines,
    add_pictures,
    checked_recipe,
    line_recipe,
)
from trainer.data import Mnist
from trainer.errors import DataError, TrainerError
from trainer.lines import Lines
from trainer.manifest import libraries, source_commit
from trainer.npz import Pictures, load_pictures
from trainer.recipe import LARGE, QUICK
from trainer.runs import Run, RunConfig

# What the command line can set of the recipe.
_RECIPE = ("epochs", "teacher_epochs", "students", "seed", "batch_size", "limit", "validation", "precision")
_ARTIFACTS = Path("artifacts/digits")


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 2 for what the caller can mend, 130 when interrupted."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Off by default on processors without AVX-512, where a step takes a third less with it all the same.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    arguments = _parser().parse_args(words)
    try:
        arguments.run_command(arguments)
    except TrainerError as error:
        return _fail(str(error))
    except OSError as error:  # a full disk, a folder without permission
        return _fail(f"{error.filename or 'the disk'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("\ninterrupted; a training run goes on with --resume after its last finished epoch", file=sys.stderr)
        return 130
    return 0


def _fail(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Trains and publishes the digit model.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    explore = commands.add_parser("explore", help="check MNIST and write a data report")
    explore.set_defaults(run_command=_explore)
    explore.add_argument("--out", type=Path, default=Path("reports/explore"), metavar="DIR")

    train = commands.add_parser("train", help="train, evaluate and publish the next version")
    train.set_defaults(run_command=_train)
    train.add_argument("--run", type=Path, default=Path("runs/latest"), metavar="DIR", help="folder for checkpoints")
    train.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in that folder; begin one if there is none or it is done",
    )
    size = train.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one student, a few epochs, no teachers: some minutes")
    size.add_argument("--large", action="store_true", help=LARGE_HELP)
    train.add_argument("--epochs", type=int, help="of the students")
    train.add_argument("--teacher-epochs", type=int, metavar="EPOCHS")
    train.add_argument("--students", type=int, metavar="N", help="trained side by side; the best of them is released")
    add_line_epochs(train, "; 0: keep the newest version's")
    train.add_argument("--seed", type=int)
    train.add_argument("--batch-size", type=int)
    train.add_argument(
        "--limit", type=int, metavar="N", help="train on N of MNIST's pictures, and N lines an epoch, only"
    )
    train.add_argument("--validation", type=int, metavar="N", help="pictures held out of the training set")
    train.add_argument("--precision", choices=("auto", "bfloat16", "float32"))

    evaluate = commands.add_parser(
        "evaluate", help="measure a published version on MNIST's test set, plain and corrupted, and on other pictures"
    )
    evaluate.set_defaults(run_command=_evaluate)
    evaluate.add_argument("artifact", type=Path, metavar="ARTIFACT", help="such as artifacts/digits/1")
    evaluate.add_argument("--out", type=Path, default=Path("reports/evaluate"), metavar="DIR")
    evaluate.add_argument(
        "--npz",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="pictures that `service read … --npz` normalised",
    )

    export = commands.add_parser("export", help="publish a run's newest checkpoint")
    export.set_defaults(run_command=_export)
    export.add_argument("run", type=Path, metavar="RUN", help="the folder that was given to train --run")
    for command in (train, export):
        command.add_argument(
            "--extra",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help="more pictures to train on, digits or none, that `service read … --npz` normalised",
        )
        command.add_argument(
            "--measure", type=Path, nargs="+", default=[], metavar="FILE", help="pictures of that kind to report on"
        )

    pictures, calibrate, train_lines = add_pictures(commands), add_calibrate(commands), add_lines(commands)
    for command in (evaluate, export, calibrate):
        command.add_argument("--served", type=Path, metavar="FILE", help="written by benchmarks.accuracy --json")

    for command in (explore, train, evaluate, export, pictures, calibrate, train_lines):
        command.add_argument("--data", type=Path, metavar="DIR", help="MNIST's four IDX files (default: through Keras)")
    for command in (train, export, calibrate, train_lines):
        command.add_argument(
            "--artifacts", type=Path, default=_ARTIFACTS, metavar="DIR", help="where versions are published"
        )
        command.add_argument(
            "--verify", metavar="COMMAND", help="run on the staged version; it is published if this exits 0"
        )
    for command in (train, export, pictures, calibrate, train_lines):
        command.add_argument("--any-data", action="store_true", help="take IDX files that are not MNIST's")
    return parser


def _explore(arguments: argparse.Namespace) -> None:
    from trainer import explore

    print(f"report: {explore.run(arguments.data, arguments.out)}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from trainer import evaluate

    evaluate.run(arguments.artifact, arguments.data, arguments.out, arguments.npz, arguments.served)


def _train(arguments: argparse.Namespace) -> None:
    from trainer import export, fit
    from trainer.data import load_mnist
    from trainer.model import choose_precision
    from trainer.pool import make_pool
    from trainer.progress import say

    mnist = load_mnist(arguments.data, check=not arguments.any_data)
    extra, measured = _labelled(arguments.extra), _labelled(arguments.measure)
    config = _config(arguments, _sha256(mnist, extra))
    run = Run.resumed(arguments.run, config.given, config.data_sha256) if arguments.resume else None
    if run is not None:
        pool = make_pool(mnist, run.config.recipe, extra)
    else:
        say(f"{arguments.run}: a new run")
        # What is wrong with the numbers shows here, before anything is written.
        pool = make_pool(mnist, config.recipe, extra)
        config = config.model_copy(update={"precision": choose_precision(config.recipe.precision)})
        run = Run.start(arguments.run, config)
    with run.held():
        students, history = fit.train(run, pool)
        reader = _reader(run, mnist, arguments.artifacts, train=True)
        version = export.publish(
            run, students, history, pool, mnist, arguments.artifacts, arguments.verify, measured, lines=reader
        )
        run.published(int(version.name))


def _reader(run: Run, mnist: Mnist, artifacts: Path, *, train: bool) -> Lines | None:
    """The run's own reader of lines, trained in a folder of its own within the run's; else that of the newest version."""
    folder = run.folder / "lines"
    if not (folder / "run.json").exists():
        if run.config.recipe.lines is None or not train:
            return lines.of_newest(artifacts)
        Run.start(folder, run.config)
    own = Run.open(folder)
    if train:
        with own.held():
            line_fit.train_lines(own, mnist)
    return lines.of_run(own, mnist)


def _labelled(paths: list[Path]) -> list[Pictures]:
    sets = [load_pictures(path) for path in paths]
    for pictures in sets:
        pictures.need_labels()
    return sets


def _sha256(mnist: Mnist, extra: list[Pictures]) -> dict[str, str]:
    return mnist.sha256 | {pictures.name: pictures.sha256 for pictures in extra}


def _config(arguments: argparse.Namespace, data_sha256: dict[str, str]) -> RunConfig:
    given = {name: value for name in _RECIPE if (value := getattr(arguments, name)) is not None}
    if arguments.quick and arguments.line_epochs:
        raise TrainerError("--line-epochs: --quick trains no reader of lines")
    words = [f"--{name}" for name in ("quick", "large") if getattr(arguments, name)]
    words += [f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in given.items()]
    words += [] if arguments.line_epochs is None else [f"--line-epochs {arguments.line_epochs}"]
    words += [f"--extra {' '.join(shlex.quote(path.name) for path in arguments.extra)}"] if arguments.extra else []
    size = QUICK if arguments.quick else LARGE if arguments.large else {}
    no_lines = {"lines": None} if arguments.quick or arguments.line_epochs == 0 else line_recipe(arguments)
    given = size | no_lines | given
    recipe = checked_recipe(given)
    return RunConfig(
        recipe=recipe,
        given=given,
        precision=recipe.precision,
        command=" ".join(["python -m trainer train", *words, *(["--any-data"] if arguments.any_data else [])]),
        source_commit=source_commit(),
        libraries=libraries(),
        data_sha256=data_sha256,
    )


def _export(arguments: argparse.Namespace) -> None:
    from trainer import export, fit
    from trainer.data import load_mnist
    from trainer.pool import make_pool
    from trainer.served import load_served

    mnist = load_mnist(arguments.data, check=not arguments.any_data)
    extra, measured = _labelled(arguments.extra), _labelled(arguments.measure)
    run = Run.open(arguments.run)
    if run.config.data_sha256 != _sha256(mnist, extra):
        raise DataError(f"{arguments.run}: the run was begun on other data")
    students, history = fit.students_of(run)
    pool = make_pool(mnist, run.config.recipe, extra)
    served = load_served(arguments.served) if arguments.served else None
    reader = _reader(run, mnist, arguments.artifacts, train=False)
    export.publish(
        run, students, history, pool, mnist, arguments.artifacts, arguments.verify, measured, served, lines=reader
    )


if __name__ == "__main__":
    sys.exit(main())
