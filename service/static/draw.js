// The drawing area. It keeps strokes rather than pixels, so that it can undo, stays sharp at every size, and can show
// light ink on a dark page while what it hands over is always dark ink on white.

const PEN = 0.055; // the pen's width and all coordinates are shares of the area's side
const NEAR = 0.002; // closer points add jitter and no shape
export const PICTURE_SIDE = 448;

export class Pad extends EventTarget {
  #canvas;
  #strokes = [];
  #cleared = [];
  #pen = null; // the pointer that draws; a second finger or the palm beside a pen is ignored

  /** Fires `start` when a stroke begins, and `change` when the drawing has become another one. */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, (event) => this.#up(event));
    new ResizeObserver(() => this.#paint()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
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
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = PICTURE_SIDE;
    const context = canvas.getContext("2d", { alpha: false });
    context.fillStyle = "white";
    context.fillRect(0, 0, PICTURE_SIDE, PICTURE_SIDE);
    trace(context, this.#strokes, PICTURE_SIDE, "black");
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  #down(event) {
    if (this.#pen !== null || event.button !== 0) return;
    event.preventDefault(); // no text selection, no mouse events after the touch
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pen = event.pointerId;
    this.#cleared = [];
    this.#strokes.push([this.#point(event)]);
    this.#paint();
    this.dispatchEvent(new Event("start"));
  }

  #move(event) {
    if (event.pointerId !== this.#pen) return;
    const stroke = this.#strokes.at(-1);
    // The browser hands over one event a frame; a fast pen's points in between make the curve round.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const point of (events.length ? events : [event]).map((each) => this.#point(each))) {
      const last = stroke.at(-1);
      if (Math.hypot(point.x - last.x, point.y - last.y) > NEAR) stroke.push(point);
    }
    this.#paint();
  }

  #up(event) {
    if (event.pointerId !== this.#pen) return;
    this.#pen = null;
    this.#changed();
  }

  #point(event) {
    const area = this.#canvas.getBoundingClientRect();
    return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
  }

  #changed() {
    this.#pen = null;
    this.#paint();
    this.dispatchEvent(new Event("change"));
  }

  #paint() {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio);
    if (side === 0) return; // hidden while a picture is shown
    if (this.#canvas.width !== side) this.#canvas.width = this.#canvas.height = side;
    const context = this.#canvas.getContext("2d");
    context.reset();
    trace(context, this.#strokes, side, getComputedStyle(this.#canvas).color);
  }
}

/** Draws the strokes as curves through the middles between their points: smooth without lagging behind the pen. */
function trace(context, strokes, side, ink) {
  context.scale(side, side);
  context.lineWidth = PEN;
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
