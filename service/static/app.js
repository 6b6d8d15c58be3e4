// The page: a picture comes in (drawn, chosen, dropped or pasted), the service reads it, and the reading is shown.

import { ask, MAX_BYTES, Problem, shrink, threshold } from "./client.js";
import { Pad } from "./draw.js";
import { followKey } from "./key.js";
import { followMode, mode } from "./mode.js";
import { selectAt, showDigits, showNumber } from "./number.js";
import { showBoxes, showNothing, showProblem, showReading } from "./show.js";

const PAUSE_MS = { digit: 250, number: 600 }; // after a stroke ends: the next one may belong to the same digit or number
const UNSURE = 0.9; // a confidence below this is marked, where the model has no threshold of its own
const TALLEST = 0.75; // width by height of the stage for a number, whose picture may be longer still
const WIDEST = 4;
const BESIDE = 1.9; // a wider picture has its reading below it
const ATTEMPTS = 4; // while the service says that it is busy
const SLOW_MS = 1_000;

const $ = (id) => document.getElementById(id);
const pad = new Pad($("pad"));
const picture = $("picture");
let given = null; // the file that is shown instead of the drawing, or null
let asked = null; // the AbortController of the latest question; the answer to any other is never shown
let pause = 0;

// ---- what is read ------------------------------------------------------------------------------------------------

/** Takes the first of these files in place of the drawing, which is kept, and reads it. */
async function give(files) {
  const [file] = files;
  const mine = start();
  try {
    // A copy in memory: the file may change or go away before "Try again". A folder fails here.
    const copy = new File([await file.arrayBuffer()], file.name || "picture", { type: file.type });
    if (asked !== mine) return;
    given = copy;
  } catch {
    if (asked !== mine) return;
    busy(false);
    return showProblem(new Problem("This file cannot be read.", "It may be a folder, or not be there any more."));
  }
  showGiven();
  await read(files.length > 1 ? `Only the first of ${files.length} files was read.` : "");
}

/** Shows the given picture, or the drawing where there is none. */
function showGiven() {
  const drawing = given === null;
  $("pad").hidden = !drawing;
  $("hint").hidden = !drawing || !pad.empty;
  $("undo").hidden = !drawing;
  $("undo").setAttribute("aria-disabled", !pad.canUndo); // `disabled` would lose the keyboard's focus
  $("clear").textContent = drawing ? "Clear" : "Draw instead";
  $("frame").removeAttribute("style");
  shape(pad.aspect);
  picture.hidden = $("no-preview").hidden = true;
  URL.revokeObjectURL(picture.src);
  if (drawing) picture.removeAttribute("src");
  else picture.src = URL.createObjectURL(given);
}

/** The stage's width by its height. */
function shape(aspect) {
  $("main").style.setProperty("--shape", aspect);
  $("main").classList.toggle("wide", aspect > BESIDE);
}

// The frame takes the picture's own shape, so that boxes can be placed in shares of it. A tiny picture is enlarged.
picture.addEventListener("load", () => {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const aspect = mode() === "digit" ? 1 : Math.min(WIDEST, Math.max(TALLEST, width / height));
  shape(aspect);
  Object.assign($("frame").style, {
    aspectRatio: `${width} / ${height}`,
    width: `${100 * Math.min(1, width / height / aspect)}%`,
    height: "auto",
  });
  picture.classList.toggle("tiny", Math.max(width, height) < 150);
  picture.hidden = false;
});
picture.addEventListener("error", () => {
  $("no-preview").hidden = given === null;
  $("name").textContent = given?.name;
});

/** The picture to send, small enough for the service. Boxes refer to this one, so it is also the one that is shown. */
async function toSend() {
  if (given === null) return pad.picture();
  if (given.size > MAX_BYTES) await makeSmaller(`${Math.ceil(given.size / 1e6)} MB is more than can be sent.`);
  return given;
}

async function makeSmaller(why) {
  const before = given;
  const smaller = await shrink(before).catch(() => {
    throw new Problem("The picture is too large.", `${why} This browser cannot make it smaller.`);
  });
  if (given !== before) return;
  given = new File([smaller], before.name, { type: smaller.type });
  showGiven();
}

// ---- reading it --------------------------------------------------------------------------------------------------

/** Gives up the question that is under way, and takes away what was said of another picture. */
function forget() {
  clearTimeout(pause);
  asked?.abort();
  asked = null;
  showBoxes([]);
  busy(false);
}

function start() {
  forget();
  asked = new AbortController();
  busy(true);
  return asked;
}

async function read(remark = "") {
  const mine = start();
  const slow = setTimeout(() => asked === mine && showNothing("Reading…"), SLOW_MS);
  try {
    const { reading, timing } = await persist(mine.signal);
    const marked = reading.lines && reading.status === "uncertain";
    const least = marked ? await threshold(reading.model.version, UNSURE) : 0;
    if (asked !== mine) return;
    if (reading.lines) showNumber(reading, timing, remark, least);
    else showReading(reading, timing, remark);
    await outline(reading, mine);
  } catch (error) {
    if (asked !== mine) return;
    showProblem(error instanceof Problem ? error : new Problem("Something went wrong on this page.", String(error)));
  } finally {
    clearTimeout(slow);
    if (asked === mine) busy(false);
  }
}

/** Asks again while the service is busy, and with a smaller picture if it says that this one is too large. */
async function persist(signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(`v1/${mode()}?explain=true`, await toSend(), signal);
    } catch (problem) {
      if (signal.aborted || attempt === ATTEMPTS) throw problem;
      if (problem.status === 413 && given && attempt === 1) {
        await makeSmaller(problem.detail);
      } else if (problem.retryAfter) {
        showNothing(`The service is busy. Trying again in ${problem.retryAfter} s.`);
        await new Promise((resolve) => setTimeout(resolve, problem.retryAfter * 1_000));
        signal.throwIfAborted();
      } else {
        throw problem;
      }
    }
  }
}

async function outline({ box, lines }, mine) {
  const show = (width, height) => (lines ? showDigits(width, height) : showBoxes(box ? [box] : [], width, height));
  if (given === null) return show(pad.size.width, pad.size.height);
  await picture.decode().catch(() => {}); // the reading can be faster than the browser
  if (asked === mine && picture.naturalWidth) show(picture.naturalWidth, picture.naturalHeight);
}

function busy(yes) {
  $("result").setAttribute("aria-busy", yes);
}

// ---- the controls ------------------------------------------------------------------------------------------------

function drawingChanged() {
  forget();
  showGiven();
  if (pad.empty) showNothing();
  else pause = setTimeout(read, PAUSE_MS[mode()]);
}

function modeChanged() {
  forget();
  pad.wide = mode() === "number";
  showGiven();
  showNothing();
  if (given !== null || !pad.empty) read();
}

pad.addEventListener("change", drawingChanged);
pad.addEventListener("start", () => {
  forget();
  $("hint").hidden = true;
});

pad.addEventListener("tap", (event) => {
  if (mode() === "number" && selectAt(event.clientX, event.clientY)) event.preventDefault();
});

$("undo").addEventListener("click", () => pad.undo());
$("clear").addEventListener("click", () => {
  if (given === null) return pad.clear();
  given = null;
  drawingChanged();
});
$("read").addEventListener("click", () => read());
$("retry").addEventListener("click", () => {
  $("read").focus({ preventScroll: true }); // this button goes away with the problem, and would take the focus along
  read();
});
addEventListener("keydown", (event) => {
  const undo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (undo && given === null) pad.undo();
});

for (const [button, input] of [["choose", "file"], ["photo", "camera"]]) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", async () => {
    const files = [...$(input).files];
    $(input).value = ""; // choosing the same file again is a change, too
    if (files.length) await give(files);
  });
}

function giveFrom(transfer, nothing) {
  const files = [...transfer.files];
  if (files.length) return give(files);
  forget();
  showProblem(new Problem(nothing, "A picture file works."));
}

addEventListener("paste", (event) => giveFrom(event.clipboardData, "There is no picture in the clipboard."));

const dragging = (yes) => document.documentElement.classList.toggle("dragging", yes);
addEventListener("dragover", (event) => {
  event.preventDefault(); // a drop anywhere is for the page; otherwise the browser would leave it and open the file
  dragging(event.dataTransfer.types.includes("Files"));
});
addEventListener("dragleave", (event) => event.relatedTarget === null && dragging(false));
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(false);
  giveFrom(event.dataTransfer, "There was no picture file in what was dropped.");
});

followKey(() => {
  $("read").focus({ preventScroll: true }); // as above: the form goes away
  read();
});
followMode(modeChanged);
modeChanged();
