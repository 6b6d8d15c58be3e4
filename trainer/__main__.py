"""python -m trainer explore · train · evaluate · export"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from trainer.errors import DataError, TrainerError

_ARTIFACTS = Path("artifacts/digits")


def main(words: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, 2 for what the caller can mend, 130 when interrupted."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arguments = _parser().parse_args(words)
    try:
        arguments.run_command(arguments)
    except TrainerError as error:
        return _fail(str(error))
    except OSError as error:  # a full disk, a folder without permission
        return _fail(f"{error.filename or 'the disk'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("\ninterrupted; `train --resume` goes on after the last finished epoch", file=sys.stderr)
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
    train.add_argument("--epochs", type=int)
    train.add_argument("--seed", type=int)
    train.add_argument("--batch-size", type=int)
    train.add_argument("--limit", type=int, metavar="N", help="train on N of MNIST's pictures only")
    train.add_argument("--validation", type=int, metavar="N", help="pictures held out of the training set")
    train.add_argument("--precision", choices=("auto", "bfloat16", "float32"))

    evaluate = commands.add_parser("evaluate", help="measure a published version on MNIST's test set")
    evaluate.set_defaults(run_command=_evaluate)
    evaluate.add_argument("artifact", type=Path, metavar="ARTIFACT", help="such as artifacts/digits/1")
    evaluate.add_argument("--out", type=Path, default=Path("reports/evaluate"), metavar="DIR")

    export = commands.add_parser("export", help="publish a run's newest checkpoint")
    export.set_defaults(run_command=_export)
    export.add_argument("run", type=Path, metavar="RUN", help="the folder that was given to train --run")

    for command in (explore, train, evaluate, export):
        command.add_argument("--data", type=Path, metavar="DIR", help="MNIST's four IDX files (default: through Keras)")
    for command in (train, export):
        command.add_argument(
            "--artifacts", type=Path, default=_ARTIFACTS, metavar="DIR", help="where versions are published"
        )
        command.add_argument(
            "--verify", metavar="COMMAND", help="run on the staged version; it is published if this exits 0"
        )
        command.add_argument("--any-data", action="store_true", help="take IDX files that are not MNIST's")
    return parser


def _explore(arguments: argparse.Namespace) -> None:
    from trainer import explore

    print(f"report: {explore.run(arguments.data, arguments.out)}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from trainer import evaluate

    evaluate.run(arguments.artifact, arguments.data, arguments.out)


def _train(arguments: argparse.Namespace) -> None:
    from trainer import export, fit
    from trainer.data import load_mnist
    from trainer.recipe import Recipe
    from trainer.runs import Run, RunConfig

    mnist = load_mnist(arguments.data, check=not arguments.any_data)
    names = ("epochs", "seed", "batch_size", "limit", "validation", "precision")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.resume:
        Run.put_aside_published(arguments.run)
    if arguments.resume and (arguments.run / "run.json").exists():
        run = Run.open(arguments.run)
        changed = sorted(name for name, value in given.items() if getattr(run.config.recipe, name) != value)
        if changed:
            raise TrainerError(f"{arguments.run}: a resumed run keeps its recipe; it has another {', '.join(changed)}")
        if run.config.data_sha256 != mnist.sha256:
            raise DataError(f"{arguments.run}: the run was begun on other data")
    else:
        recipe = Recipe.model_validate(given)
        command = "python -m trainer train" + "".join(
            f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in given.items()
        )
        run = Run.start(arguments.run, RunConfig(recipe=recipe, command=command, data_sha256=mnist.sha256))
    pool = fit.make_pool(mnist, run.config.recipe)
    model, history = fit.train(run, run.config.recipe, pool)
    version = export.publish(run, model, history, pool, mnist, arguments.artifacts, arguments.verify)
    run.published(int(version.name))


def _export(arguments: argparse.Namespace) -> None:
    from trainer import export, fit
    from trainer.data import load_mnist
    from trainer.runs import Run

    mnist = load_mnist(arguments.data, check=not arguments.any_data)
    run = Run.open(arguments.run)
    model, history = run.newest()
    if model is None:
        raise TrainerError(f"{arguments.run}: has no finished epoch yet")
    pool = fit.make_pool(mnist, run.config.recipe)
    export.publish(run, model, history, pool, mnist, arguments.artifacts, arguments.verify)


if __name__ == "__main__":
    sys.exit(main())
