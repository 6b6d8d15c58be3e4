// Asks the service, and turns everything that can go wrong into one kind of error. Knows nothing of the page.

import { authorization } from "./key.js";

export const MAX_BYTES = 9_900_000; // the service's limit of 10 MB, less the form around the picture
const SMALLER_SIDE = 3000;
const PATIENCE_MS = 30_000;
const ASIDE_MS = 2_000; // for what the page can do without
const LONGEST_WAIT_S = 20;

const BUSY = "The service is busy.";
const TITLES = {
  401: "The service asks for an API key.",
  408: "The picture did not arrive in time.",
  413: "The picture is too large.",
  415: "This is not a picture that Digits can read.",
  422: "The picture is damaged.",
  429: BUSY,
  503: BUSY,
};

/** Something that the reader of the page is told: a title, a detail, and whether asking again can help. */
export class Problem extends Error {
  constructor(title, detail, { status = 0, retryable = false, retryAfter = null, reference = "" } = {}) {
    super(title);
    Object.assign(this, { title, detail, status, retryable, retryAfter, reference });
  }
}

/** Sends a picture. Resolves to `{reading, timing}`; rejects with a `Problem`, or with an AbortError when aborted. */
export async function ask(path, picture, signal) {
  const form = new FormData();
  form.append("image", picture, picture.name ?? "picture");
  let response;
  let body;
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    response = await fetch(path, { method: "POST", body: form, signal: patience, headers: authorization() });
    body = await response.json().catch((error) => {
      if (error instanceof SyntaxError) return null; // a proxy's page, perhaps
      throw error;
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw unanswered(error);
  }
  if (response.ok && body !== null) return { reading: body, timing: timing(response.headers.get("Server-Timing")) };
  throw refused(response, body);
}

const thresholds = new Map(); // by version, which never changes

/** The confidence below which this version of the model is unsure of a digit; `otherwise` where that is not to be had. */
export async function threshold(version, otherwise) {
  if (!thresholds.has(version)) {
    const question = { signal: AbortSignal.timeout(ASIDE_MS), headers: authorization() };
    const response = await fetch(`v1/models/${version}`, question).catch(() => null);
    const manifest = response?.ok ? await response.json().catch(() => null) : null;
    const found = manifest?.thresholds?.confidence;
    if (found === undefined) return otherwise;
    thresholds.set(version, found);
  }
  return thresholds.get(version);
}

/** A copy that is small enough to send, upright as its EXIF data asks for. Rejects if the browser cannot decode it. */
export async function shrink(picture) {
  const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image" });
  const scale = Math.min(1, SMALLER_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false });
  context.fillStyle = "white"; // JPEG has no transparency
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

function unanswered(error) {
  if (error.name === "TimeoutError") {
    return new Problem("The service took too long to answer.", "Nothing you gave is lost.", { retryable: true });
  }
  const detail = navigator.onLine
    ? "It may be restarting, or the network is down. Nothing you gave is lost."
    : "This device is offline. Nothing you gave is lost.";
  return new Problem("The service cannot be reached.", detail, { retryable: true });
}

function refused(response, body) {
  const { status } = response;
  const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
  const title = TITLES[status] ?? (status >= 500 ? "Something went wrong on the server." : "The service refused.");
  return new Problem(title, body?.detail ?? body?.title ?? `It answered with status ${status}.`, {
    status,
    retryable: status >= 500 || status === 408 || status === 429,
    retryAfter: (status === 503 || status === 429) && seconds <= LONGEST_WAIT_S ? Math.max(1, seconds) : null,
    reference: body?.request_id ?? response.headers.get("X-Request-ID") ?? "",
  });
}

/** `decode;dur=0.4, model;dur=1.7` → `[{name: "decode", ms: 0.4}, …]` */
function timing(header) {
  const parts = (header ?? "").matchAll(/([\w-]+)[^,]*?;\s*dur=([\d.]+)/g);
  return [...parts].map(([, name, ms]) => ({ name, ms: Number(ms) }));
}
