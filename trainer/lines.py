"""The reader of lines as it is published: its network with the temperature in it, and what the manifest says of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from trainer.data import Mnist
from trainer.errors import TrainerError
from trainer.line_fit import Answer, ask, best_text, held_out_lines, held_out_strings, lines_of, measure, of_model
from trainer.line_model import BLANK
from trainer.line_pool import lines_recipe
from trainer.manifest import LineMeasurement, LineReader, Manifest
from trainer.metrics import ece as calibration_error
from trainer.progress import say
from trainer.runs import Run
from trainer.writing import Written

SIGNATURE = "lines"
Traced = Callable[[Any], dict[str, Any]]
"""Traced by TensorFlow: uint8 `[N, 32, W]` → `log_probabilities` float32 `[N, ceil(W / 2), 11]`."""
_FROZEN = "/ReadVariableOp/resource"
_PLACES = {"convolution": 0, "Cast_2": 1, "Reshape": 1, "Cast_3": 2, "Cast": 3, "Cast_1": 4}
"""How a frozen Keras layer names its weights, and where they are among them: kernel, factor or bias, term, mean, variance."""
_FAVOURS = tuple(k / 8 for k in range(17))
_TEMPERATURES = np.exp(np.linspace(np.log(0.5), np.log(3.0), 46))


@dataclass(frozen=True)
class Lines:
    """What is published of a reader of lines."""

    network: Traced
    record: LineReader


@dataclass(frozen=True)
class Begun:
    """The reader of lines of a published version, which a run begins with: where its weights are, and what it has seen."""

    artifact: Path
    lines_seen: int

    def weights(self, model: Any) -> list[NDArray[np.float32]]:
        """As `weights_of`."""
        return weights_of(self.artifact, model)


def of_run(run: Run, mnist: Mnist, begun: Begun | None = None) -> Lines:
    """As the run's newest checkpoint left it, calibrated on lines of digits that were held out. Raises as `lines_of`.

    Where the run was `begun` with a published reader: the mean of both. It reads what the run was for, and what the other did:
    M. Wortsman et al., "Robust fine-tuning of zero-shot models" (CVPR 2022).
    """
    model, history = lines_of(run)
    if begun:
        pairs = zip(begun.weights(model), model.get_weights(), strict=True)
        model.set_weights([(one + other) / 2 for one, other in pairs])
    recipe = lines_recipe(run.config.recipe)
    held_out = held_out_lines(mnist, run.config.recipe)
    answer = of_model(model)
    marks = measure(answer, held_out)
    strings = held_out_strings(mnist, run.config.recipe)
    given = ask(answer, strings)
    favour = fit_favour(given, strings)
    temperature, ece = fit_temperature(given, strings, favour)
    say(
        f"lines held out: {marks.lines:.2%} read, {marks.apart:.2%} where no digits touch, {marks.none:.2%} without a digit "
        f"left alone; strings of digits as they are: favour {favour:.2f}, temperature {temperature:.2f}, ECE {ece:.4f}"
    )

    def network(images: Any) -> dict[str, Any]:
        tf: Any = importlib.import_module("tensorflow")
        return {"log_probabilities": tf.nn.log_softmax(model(images, training=False) / temperature)}

    record = LineReader(
        parameters=model.count_params(),
        temperature=temperature,
        favour=favour / temperature,
        command=run.config.command,
        source_commit=run.config.source_commit,
        lines_seen=(begun.lines_seen if begun else 0) + len(history) * recipe.chunks * recipe.lines,
        validation=LineMeasurement(
            lines=len(held_out), accuracy=marks.lines, apart=marks.apart, none=marks.none, ece=ece
        ),
    )
    return Lines(network, record)


def of_artifact(artifact: Path, manifest: Manifest) -> Lines | None:
    """That of a published version, as it is; None where the version reads single digits only. Raises `TrainerError`."""
    if manifest.lines is None:
        return None
    tf: Any = importlib.import_module("tensorflow")
    loaded: Any = tf.saved_model.load(str(artifact))
    if SIGNATURE not in loaded.signatures:
        raise TrainerError(f"{artifact}: has no signature `{SIGNATURE}`, of which its manifest tells")

    def network(images: Any) -> dict[str, Any]:
        return dict(loaded.signatures[SIGNATURE](lines=images))  # a closure: a signature does not keep its model alive

    return Lines(network, manifest.lines)


def weights_of(artifact: Path, model: Any) -> list[NDArray[np.float32]]:
    """The weights of a published version's reader of lines, as `set_weights` of a Keras `model` of its shape takes them.

    Raises `TrainerError` where the version has no such reader, or one of another shape.
    """
    tf: Any = importlib.import_module("tensorflow")
    loaded = _loaded(artifact)
    layers: dict[str, dict[int, NDArray[np.float32]]] = {}  # in their order, each with its weights by their places
    for function in loaded.signatures[SIGNATURE].graph.as_graph_def().library.function:
        for node in function.node_def:
            layer, _, variable = node.name.removesuffix(_FROZEN).rpartition("/")
            if node.op == "Const" and node.name.endswith(_FROZEN) and variable in _PLACES:
                layers.setdefault(layer, {})[_PLACES[variable]] = tf.make_ndarray(node.attr["value"].tensor)
    weights = [layer[place] for layer in layers.values() for place in sorted(layer)]
    expected = [tuple(weight.shape) for weight in model.weights]
    if [weight.shape for weight in weights] != expected:
        raise TrainerError(f"{artifact}: its reader of lines is not of the shape that the recipe has")
    return weights


def of_newest(root: Path) -> Lines | None:
    """That of the highest version below `root` that has one."""
    for number in sorted((int(path.name) for path in root.glob("[1-9]*") if path.name.isdecimal()), reverse=True):
        folder = root / str(number)
        try:
            manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        except (OSError, ValidationError):
            continue  # whoever publishes a version needs none but its own to be whole
        if manifest.lines is not None:
            return of_artifact(folder, manifest)
    return None


def _loaded(artifact: Path) -> Any:
    """The SavedModel. Raises `TrainerError` where it reads no lines."""
    tf: Any = importlib.import_module("tensorflow")
    loaded: Any = tf.saved_model.load(str(artifact))
    if SIGNATURE not in loaded.signatures:
        raise TrainerError(f"{artifact}: has no signature `{SIGNATURE}`")
    return loaded


def load(artifact: Path) -> Answer:
    """The signature of a SavedModel, as a function of arrays. Raises `TrainerError` where it has none."""
    tf: Any = importlib.import_module("tensorflow")
    loaded = _loaded(artifact)
    return lambda lines: np.asarray(loaded.signatures[SIGNATURE](lines=tf.constant(lines))["log_probabilities"].numpy())


def fit_favour(given: Sequence[NDArray[np.float64]], lines: Sequence[Written]) -> float:
    """What digits get before none, so that the most of the lines are read right: the middle of what serves equally.

    The network has seen more marks that are no digits than people write into numbers. `given` as for `fit_temperature`.
    """
    shares = np.array([_right([best_text(logits, f) for logits in given], lines).mean() for f in _FAVOURS])
    return float(np.median(np.array(_FAVOURS)[shares == shares.max()]))


def fit_temperature(
    given: Sequence[NDArray[np.float64]], lines: Sequence[Written], favour: float = 0.0
) -> tuple[float, float]:
    """The temperature under which a text's probability tells best whether it is right, and the ECE that is left.

    `given`: the logits of each of the `lines`, `[columns, 11]`. The best text is the same under each.
    """
    texts = [best_text(logits, favour) for logits in given]
    right = _right(texts, lines)
    best, lowest, ece = 1.0, np.inf, 1.0
    for temperature in _TEMPERATURES.tolist():
        sure = np.clip(np.exp(log_probabilities([logits / temperature for logits in given], texts)), 1e-6, 1 - 1e-6)
        loss = -float(np.where(right, np.log(sure), np.log(1 - sure)).mean())
        if loss < lowest:
            best, lowest, ece = temperature, loss, calibration_error(sure, right)
    return best, ece


def _right(texts: Sequence[tuple[int, ...]], lines: Sequence[Written]) -> NDArray[np.bool_]:
    return np.array([text == line.digits for text, line in zip(texts, lines, strict=True)])


def log_probabilities(given: Sequence[NDArray[np.float64]], texts: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
    """How probable each text is, of all that a line may say, by logits `[columns, 11]`: logarithms, `[N]`."""
    tf: Any = importlib.import_module("tensorflow")
    lengths = np.array([len(logits) for logits in given], np.int32)
    padded = np.zeros((len(given), int(lengths.max()), BLANK + 1), np.float32)
    nothing = np.zeros(len(given))
    for row, logits in zip(padded, given, strict=True):
        row[: len(logits)] = logits
    for i, logits in enumerate(given):
        top = logits.max(1, keepdims=True)
        nothing[i] = (logits[:, BLANK] - top[:, 0] - np.log(np.exp(logits - top).sum(1))).sum()
    asked = [text or (0,) for text in texts]  # the operation takes no empty text
    places = [(i, k) for i, text in enumerate(asked) for k in range(len(text))]
    values = [digit for text in asked for digit in text]
    sparse = tf.SparseTensor(places, np.array(values, np.int32), (len(asked), max(map(len, asked))))
    losses = tf.nn.ctc_loss(sparse, padded, None, lengths, logits_time_major=False, blank_index=BLANK)
    some = np.array([bool(text) for text in texts])
    return np.asarray(np.where(some, -np.asarray(losses, np.float64), nothing))
