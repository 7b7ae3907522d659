/* Decodes and paints pictures: the newest of each camera, all in one animation frame, with an ack for each. */

const HEADER = 20;
const PICTURE = 1;
const ESTIMATED = 1;
const UNTIMED = 2;
/** Wider pictures are scaled down when decoded: more pixels would only fill the memory. */
const WIDEST = 1920;
/** If a bitmap waits this long to be painted, nobody sees the page: its window is covered. */
const UNPAINTED = 1000;

/** The header of a binary message; null if it isn't a picture. Little-endian `<BBHIdHH`, followed by the JPEG. */
export function header(buffer) {
  if (buffer.byteLength < HEADER) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== PICTURE) return null;
  const flags = view.getUint8(1);
  return {
    camera: view.getUint16(2, true),
    seq: view.getUint32(4, true),
    captured: view.getFloat64(8, true),
    width: view.getUint16(16, true),
    height: view.getUint16(18, true),
    estimated: (flags & ESTIMATED) !== 0,
    untimed: (flags & UNTIMED) !== 0,
  };
}

function decode({ head, buffer }) {
  const options = head.width > WIDEST ? { resizeWidth: WIDEST } : {};
  return createImageBitmap(new Blob([new Uint8Array(buffer, HEADER)], { type: "image/jpeg" }), options);
}

/** Decodes and paints. Every picture is acknowledged, painted or not, and every bitmap is closed. */
export class Frames {
  /** Per camera: {decoding, waiting, ready}. */
  #slots = new Map();
  #acks = [];
  #connection = 0;
  #asked = 0;
  #stalled = false;
  #wants;
  #paint;
  #fail;
  #ack;

  /**
   * @param {object} on
   * @param {(camera: number) => boolean} on.wants whether to show this camera's pictures now
   * @param {(head: object, bitmap: ImageBitmap) => void} on.paint
   * @param {(camera: number) => void} on.fail a picture could not be decoded
   * @param {(frames: number[][]) => void} on.ack [[camera, sequence], …]
   */
  constructor({ wants, paint, fail, ack }) {
    this.#wants = wants;
    this.#paint = paint;
    this.#fail = fail;
    this.#ack = ack;
  }

  /** Whether the browser has stopped painting this page without reporting it as hidden. */
  get stalled() {
    return this.#stalled;
  }

  /** Take in a binary message. */
  receive(buffer) {
    const head = header(buffer);
    if (!head) return;
    if (!this.#wants(head.camera)) {
      this.#done(head);
      this.#settle();
      return;
    }
    const slot = this.#slots.get(head.camera) ?? this.#open(head.camera);
    if (slot.decoding) {
      if (slot.waiting) this.#done(slot.waiting.head);
      slot.waiting = { head, buffer };
      this.#settle();
    } else {
      this.#start(slot, { head, buffer });
    }
  }

  /** Stop showing the camera: its pictures that aren't painted yet are dropped. */
  drop(camera) {
    const slot = this.#slots.get(camera);
    if (!slot) return;
    this.#slots.delete(camera);
    if (slot.waiting) this.#done(slot.waiting.head);
    this.#discard(slot);
    this.#settle();
  }

  /** The connection is lost: drop everything, without acks. */
  clear() {
    for (const slot of this.#slots.values()) slot.ready?.bitmap.close();
    this.#slots.clear();
    this.#acks = [];
    this.#connection += 1;
  }

  /** Drop what has waited too long to be painted; returns whether the browser has stopped painting. Called regularly. */
  check(now) {
    const late = [...this.#slots.values()].some((slot) => slot.ready && now - slot.ready.since > UNPAINTED);
    if (!late) return false;
    this.#stalled = true;
    for (const camera of [...this.#slots.keys()]) this.drop(camera);
    return true;
  }

  #open(camera) {
    const slot = { decoding: null, waiting: null, ready: null };
    this.#slots.set(camera, slot);
    return slot;
  }

  async #start(slot, frame) {
    const connection = this.#connection;
    slot.decoding = frame;
    let bitmap = null;
    try {
      bitmap = await decode(frame);
    } catch {
      // truncated, or not a JPEG (the browser says only "could not be decoded"); reported below
    }
    slot.decoding = null;
    if (this.#slots.get(frame.head.camera) !== slot) {
      bitmap?.close(); // it was dropped meanwhile
      if (connection !== this.#connection) return; // sequence numbers belong to their connection
      this.#done(frame.head);
      this.#settle();
      return;
    }
    if (bitmap) {
      this.#discard(slot);
      slot.ready = { head: frame.head, bitmap, since: performance.now() };
      this.#ask();
    } else {
      this.#done(frame.head);
      this.#settle();
      this.#fail(frame.head.camera);
    }
    const next = slot.waiting;
    slot.waiting = null;
    if (next) this.#start(slot, next);
  }

  #ask() {
    this.#asked ||= requestAnimationFrame(() => this.#paintAll());
  }

  #paintAll() {
    this.#asked = 0;
    this.#stalled = false;
    for (const slot of this.#slots.values()) {
      if (!slot.ready) continue;
      const { head, bitmap } = slot.ready;
      this.#paint(head, bitmap);
      this.#discard(slot);
    }
    this.#settle();
  }

  #discard(slot) {
    if (!slot.ready) return;
    slot.ready.bitmap.close();
    this.#done(slot.ready.head);
    slot.ready = null;
  }

  #done(head) {
    this.#acks.push([head.camera, head.seq]);
  }

  #settle() {
    if (this.#acks.length) this.#ack(this.#acks.splice(0));
  }
}
