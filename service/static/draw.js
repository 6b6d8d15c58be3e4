// The drawing area. It keeps strokes rather than pixels, so that it can undo, stays sharp at every size, and can show
// light ink on a dark page while what it hands over is always dark ink on white.

const NEAR = 0.002; // closer points add jitter and no shape; like all lengths here a share of the area's height
const TAP = 0.015; // a stroke that stays within this of where it began is a tap
const PICTURE_HEIGHT = 448;

// A wide area has room for more digits, which are smaller, and so is the pen.
const SQUARE = { aspect: 1, pen: 0.055 };
const WIDE = { aspect: 2, pen: 0.04 };

export class Pad extends EventTarget {
  #canvas;
  #shape = SQUARE;
  #strokes = [];
  #cleared = [];
  #started = false; // whether the stroke under way is more than a tap so far
  #pen = null; // the pointer that draws; a second finger or the palm beside a pen is ignored

  /**
   * Fires `start` when a stroke begins, and `change` when the drawing has become another one. A tap fires `tap` first,
   * with the pointer's `clientX` and `clientY`; it leaves no dot where a listener prevents the default.
   */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => this.#up(event));
    new ResizeObserver(() => this.#paint()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
  }

  /** Twice as wide as high, or square, which shows the middle of a wide drawing. The strokes stay as they are. */
  set wide(yes) {
    this.#shape = yes ? WIDE : SQUARE;
    this.#paint();
  }

  get aspect() {
    return this.#shape.aspect;
  }

  /** The size of `picture()`. */
  get size() {
    return { width: PICTURE_HEIGHT * this.aspect, height: PICTURE_HEIGHT };
  }

  get empty() {
    return this.#strokes.length === 0;
  }

  get canUndo() {
    return !this.empty || this.#cleared.length > 0;
  }

  /** Takes back the last stroke, or the last clearing. */
  undo() {
    if (!this.canUndo) return;
    if (this.empty) [this.#strokes, this.#cleared] = [this.#cleared, []];
    else this.#strokes.pop();
    this.#changed();
  }

  clear() {
    if (!this.empty) [this.#strokes, this.#cleared] = [[], this.#strokes];
    this.#changed();
  }

  /** The drawing as an opaque PNG, black on white. */
  picture() {
    const canvas = Object.assign(document.createElement("canvas"), this.size);
    const context = canvas.getContext("2d", { alpha: false });
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    trace(context, this.#strokes, this.#shape, "black");
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  #down(event) {
    if (this.#pen !== null || event.button !== 0) return;
    event.preventDefault(); // no text selection, no mouse events after the touch
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pen = event.pointerId;
    this.#cleared = [];
    this.#strokes.push([this.#point(event)]);
    this.#started = false;
    this.#paint();
  }

  #move(event) {
    if (event.pointerId !== this.#pen) return;
    const stroke = this.#strokes.at(-1);
    // The browser hands over one event a frame; a fast pen's points in between make the curve round.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const point of (events.length ? events : [event]).map((each) => this.#point(each))) {
      const last = stroke.at(-1);
      if (distance(point, last) > NEAR) stroke.push(point);
      if (distance(point, stroke[0]) > TAP) this.#start();
    }
    this.#paint();
  }

  #start() {
    if (this.#started) return;
    this.#started = true;
    this.dispatchEvent(new Event("start"));
  }

  #up(event) {
    if (event.pointerId !== this.#pen) return;
    this.#pen = null;
    if (!this.#started && !this.dispatchEvent(tap(event))) {
      this.#strokes.pop();
      return this.#paint();
    }
    this.#start();
    this.#changed();
  }

  /** `x` counts from the middle, so that a drawing stays in the middle when the area's shape changes. */
  #point(event) {
    const area = this.#canvas.getBoundingClientRect();
    const middle = area.left + area.width / 2;
    return { x: (event.clientX - middle) / area.height, y: (event.clientY - area.top) / area.height };
  }

  #changed() {
    this.#pen = null;
    this.#paint();
    this.dispatchEvent(new Event("change"));
  }

  #paint() {
    const height = Math.round((this.#canvas.clientWidth * devicePixelRatio) / this.aspect);
    const width = height * this.aspect;
    if (height === 0) return; // hidden while a picture is shown
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    const context = this.#canvas.getContext("2d");
    context.reset();
    trace(context, this.#strokes, this.#shape, getComputedStyle(this.#canvas).color);
  }
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function tap({ clientX, clientY }) {
  return Object.assign(new Event("tap", { cancelable: true }), { clientX, clientY });
}

/** Draws the strokes as curves through the middles between their points: smooth without lagging behind the pen. */
function trace(context, strokes, { aspect, pen }, ink) {
  const { height } = context.canvas;
  context.scale(height, height);
  context.translate(aspect / 2, 0);
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = ink;
  for (const points of strokes) {
    const last = points.at(-1);
    context.beginPath();
    context.moveTo(points[0].x, points[0].y);
    for (let i = 1; i < points.length - 1; i++) {
      const [here, next] = [points[i], points[i + 1]];
      context.quadraticCurveTo(here.x, here.y, (here.x + next.x) / 2, (here.y + next.y) / 2);
    }
    context.lineTo(last.x + 1e-4, last.y); // a tap is a dot, and a line of no length would draw nothing
    context.stroke();
  }
}
