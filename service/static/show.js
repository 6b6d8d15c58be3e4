// Puts a reading, a problem or nothing on the page. Asks nothing and remembers nothing.

const $ = (id) => document.getElementById(id);
const percent = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

const SENTENCES = {
  ok: ({ digit }) => `This is ${named(digit)}.`,
  uncertain: ({ digit, probabilities }) => `Perhaps ${named(digit)}, but it could be ${named(second(probabilities))}.`,
  not_a_digit: () => "There is ink, but it is not one digit.",
  blank: () => "There is no digit here: the picture is empty.",
};

for (let digit = 0; digit < 10; digit++) $("bars").append(bar(digit));
const IMAGES = ["normalised", "saliency", "mask"];

/** Shows a `DigitReading`, how long it took, and a remark on how it came about. */
export function showReading(reading, timing, remark) {
  const { status, digit, confidence, probabilities, digit_probability: whole, explanation, model } = reading;
  const sentence = SENTENCES[status](reading);
  $("problem").hidden = true;
  $("result").dataset.status = status;
  $("digit").textContent = digit ?? "–";
  say(remark ? `${sentence} ${remark}` : sentence);
  $("several").hidden = status !== "not_a_digit";
  $("confidence").textContent = digit === null ? "" : `${share(confidence)} sure`;
  $("whole").textContent = whole === null ? "–" : share(whole);
  showBars(probabilities, digit);
  showImages(explanation);
  showAbout(model, timing);
}

/** Shows this sentence and no reading. */
export function showNothing(sentence = "Nothing to read yet.") {
  $("problem").hidden = true;
  $("result").dataset.status = "none";
  $("digit").textContent = $("text").textContent = $("whole").textContent = "–";
  for (const id of ["confidence", "about", "spoken", "which"]) $(id).textContent = "";
  $("copying").hidden = $("several").hidden = true;
  say(sentence);
  showBars(null, null);
  showImages(null);
}

/** `problem`: `{title, detail, status, reference, retryable}`, as client.js has it. */
export function showProblem({ title, detail, status, reference, retryable }) {
  showNothing("");
  $("result").dataset.status = "problem";
  $("problem-title").textContent = title;
  $("problem-detail").textContent = detail;
  $("problem-reference").textContent = reference ? `Request ${reference}` : "";
  $("retry").hidden = !retryable;
  $("unlock").hidden = status !== 401;
  $("problem").hidden = false;
}

export function say(sentence) {
  $("sentence").textContent = sentence;
}

/** Outlines boxes in a picture of this size; on the page they are shares of the frame, whatever its size there. */
export function showBoxes(boxes, width, height) {
  $("boxes").ariaHidden = "true"; // nothing to press, unlike the digits of a number
  $("boxes").replaceChildren(...boxes.map((box) => place(document.createElement("div"), box, width, height)));
}

/** Puts the element where the box is, and returns it. */
export function place(element, box, width, height) {
  element.style.left = `${(100 * box.x) / width}%`;
  element.style.top = `${(100 * box.y) / height}%`;
  element.style.width = `${(100 * box.width) / width}%`;
  element.style.height = `${(100 * box.height) / height}%`;
  return element;
}

function bar(digit) {
  const row = document.createElement("li");
  for (const [name, text] of [["label", digit], ["track", ""], ["value", ""]]) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    row.append(part);
  }
  return row;
}

export function showBars(probabilities, best) {
  for (const [digit, row] of [...$("bars").children].entries()) {
    const probability = probabilities?.[digit] ?? 0;
    row.classList.toggle("best", digit === best);
    row.style.setProperty("--share", probability); // allowed under a strict style-src, unlike a style attribute
    row.lastChild.textContent = probabilities ? share(probability) : "";
  }
}

export function showImages(explanation) {
  for (const name of IMAGES) {
    const source = explanation?.[name];
    $(name).hidden = !source;
    if (source) $(name).src = source;
    else $(name).removeAttribute("src");
  }
}

export function showAbout(model, timing) {
  const total = timing.reduce((sum, { ms }) => sum + ms, 0);
  const parts = timing.map(({ name, ms }) => `${name} ${ms.toFixed(1)}`).join(", ");
  const took = timing.length ? ` · read in ${total.toFixed(1)} ms (${parts})` : "";
  $("about").textContent = `Model ${model.name}, version ${model.version}${took}`;
}

/** A share as a percentage that never rounds to a certainty that nobody has. */
export function share(value) {
  if (value > 0.999 && value < 1) return "> 99.9%";
  if (value > 0 && value < 0.001) return "< 0.1%";
  return percent.format(value);
}

function named(digit) {
  return digit === 8 ? "an 8" : `a ${digit}`;
}

function second(probabilities) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a])[1];
}
