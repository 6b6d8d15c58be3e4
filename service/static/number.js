// Puts the reading of a number on the page: its text, and a button over each digit in the picture that shows how sure
// that digit is. Asks nothing; remembers the reading that is shown.

import { place, say, share, showAbout, showBars, showImages } from "./show.js";

const STEPS = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

const $ = (id) => document.getElementById(id);
let digits = []; // of all lines, in reading order
let least = 0; // which of them is the least sure
let text = "";

// ---- what was read -----------------------------------------------------------------------------------------------

/** Shows a `NumberReading`, as `showReading` does that of a digit. Below `threshold` a digit is marked as unsure. */
export function showNumber(reading, timing, remark, threshold) {
  const { status, lines, confidence, explanation, model } = reading;
  ({ text } = reading);
  digits = lines.flatMap((line) => line.digits);
  least = digits.reduce((best, { confidence: sure }, i) => (sure < digits[best].confidence ? i : best), 0);
  // No doubt is shown in what the service calls sure; in what it calls unsure, at least one digit is.
  const unsure = ({ confidence: sure }, i) => status === "uncertain" && (sure < threshold || i === least);
  digits = digits.map((digit, i) => ({ ...digit, low: unsure(digit, i) }));

  $("problem").hidden = true;
  $("result").dataset.status = status;
  showText(lines);
  $("spoken").textContent = text.replaceAll("\n", ", ");
  const sentence = sentenceFor(status, lines.length);
  say(remark ? `${sentence} ${remark}` : sentence);
  $("confidence").textContent = text ? `${share(confidence)} sure that all of it is right` : "";
  $("copying").hidden = !text;
  $("copied").textContent = "";
  showImages(status === "blank" ? null : explanation);
  showAbout(model, timing);
  select(least);
}

function sentenceFor(status, lines) {
  if (status === "blank") return "There is no number here: the picture is empty.";
  if (status === "not_a_digit") return "There is ink, but no digit in it.";
  const low = digits.filter((digit) => digit.low).length;
  const count = digits.length === 1 ? "One digit" : `${digits.length} digits`;
  const whole = lines > 1 ? `${count} in ${lines} lines` : count;
  if (low === 0) return `${whole}.`;
  if (low === digits.length) return `${whole}, ${low === 1 ? "and it is" : "all of them"} unsure.`;
  return `${whole}, ${low === 1 ? "one of them" : `${low} of them`} unsure: see the dashed ${low === 1 ? "box" : "boxes"}.`;
}

function showText(lines) {
  let i = 0;
  const rows = lines.map((line) => {
    const row = document.createElement("span");
    for (const { digit } of line.digits) {
      const sign = document.createElement("span");
      sign.textContent = digit;
      sign.classList.toggle("low", digits[i++].low);
      row.append(sign);
    }
    return row;
  });
  // Line breaks rather than blocks, so that what a person selects and copies has them, too.
  $("text").replaceChildren(...rows.flatMap((row, at) => (at ? ["\n", row] : [row])));
  if (rows.length === 0) $("text").textContent = "–";
  $("text").style.setProperty("--longest", Math.max(3, ...lines.map((line) => line.digits.length)));
  $("text").style.setProperty("--lines", lines.length);
}

// ---- the digits in the picture -----------------------------------------------------------------------------------

/** Puts a button over each digit, in a picture of this size. */
export function showDigits(width, height) {
  const buttons = digits.map(({ digit, confidence, box, low }, i) => {
    const button = document.createElement("button");
    const label = document.createElement("span");
    button.type = "button";
    button.setAttribute("aria-label", `${digit}, ${share(confidence)} sure`);
    button.classList.toggle("low", low);
    button.addEventListener("focus", () => select(i));
    button.addEventListener("click", () => select(i));
    button.addEventListener("keydown", (event) => step(event, i));
    label.textContent = digit;
    button.append(label);
    return place(button, box, width, height);
  });
  $("boxes").ariaHidden = "false";
  $("boxes").replaceChildren(...buttons);
  select(least);
}

/** Selects the digit at this point of the window, as a click would; false where there is none. */
export function selectAt(x, y) {
  const at = buttons().findIndex((button) => {
    const { left, right, top, bottom } = button.getBoundingClientRect();
    return left <= x && x <= right && top <= y && y <= bottom;
  });
  if (at >= 0) select(at);
  return at >= 0;
}

function buttons() {
  return [...$("boxes").querySelectorAll("button")];
}

/** Shows the digit's ten probabilities. The selected button is the one that the Tab key stops at. */
function select(selected) {
  const chosen = digits[selected];
  showBars(chosen?.probabilities ?? null, chosen?.digit ?? null);
  $("bars").classList.toggle("low", chosen?.low ?? false);
  $("which").textContent = chosen ? describe(selected) : "";
  for (const [i, button] of buttons().entries()) {
    button.setAttribute("aria-pressed", i === selected);
    button.tabIndex = i === selected ? 0 : -1;
  }
}

function describe(selected) {
  const { digit, confidence } = digits[selected];
  if (digits.length === 1) return `The digit ${digit}, ${share(confidence)} sure`;
  const which = `Digit ${selected + 1} of ${digits.length}${selected === least ? ", the least sure" : ""}`;
  return `${which}: ${digit}, ${share(confidence)} sure`;
}

function step(event, from) {
  const by = STEPS[event.key];
  if (by === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault(); // no scrolling
  buttons()[Math.max(0, Math.min(digits.length - 1, from + by))].focus();
}

// ---- copying -----------------------------------------------------------------------------------------------------

$("copy").addEventListener("click", async () => {
  const shown = text;
  const done = (await navigator.clipboard?.writeText(shown).then(() => true, () => false)) || copyByHand(shown);
  if (shown === text) $("copied").textContent = done ? "Copied." : "This browser does not allow it: select the text.";
});

/** Without HTTPS there is no clipboard to write to, but there is the command that Ctrl+C gives. */
function copyByHand(copied) {
  const give = (event) => {
    event.preventDefault();
    event.clipboardData.setData("text/plain", copied);
  };
  document.addEventListener("copy", give, { once: true });
  const done = document.execCommand("copy");
  document.removeEventListener("copy", give);
  return done;
}
