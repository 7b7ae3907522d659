/* Pictures from the socket to the screen: the newest of each camera, one paint for all of them, an ack for each. */

const HEADER = 20;
const PICTURE = 1;
const ESTIMATED = 1;
const UNTIMED = 2;
/** A wider picture is decoded smaller: nothing is gained by its pixels, and they fill the memory. */
const WIDEST = 1920;
/** A bitmap that waits so long for its paint is not going to be seen: the window is covered. */
const UNPAINTED = 1000;

/** What a binary message says of its picture; null if it is none. Little-endian `<BBHIdHH`, the JPEG from byte 20. */
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

/** Decodes and paints; every picture that comes in is acknowledged, painted or not, and every bitmap is closed. */
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
   * @param {(camera: number) => boolean} on.wants whether this camera's pictures are to be shown now
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

  /** Whether the browser has stopped painting this page, though it doesn't call it hidden. */
  get stalled() {
    return this.#stalled;
  }

  /** A binary message. */
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

  /** The camera's picture is not to be shown any more: what is on its way is dropped. */
  drop(camera) {
    const slot = this.#slots.get(camera);
    if (!slot) return;
    this.#slots.delete(camera);
    if (slot.waiting) this.#done(slot.waiting.head);
    this.#discard(slot);
    this.#settle();
  }

  /** The connection is gone: nothing is owed to it. */
  clear() {
    for (const slot of this.#slots.values()) slot.ready?.bitmap.close();
    this.#slots.clear();
    this.#acks = [];
    this.#connection += 1;
  }

  /** Called now and then: drops what waits too long for its paint; true if the page is found to have stopped painting. */
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
      // truncated or no JPEG at all (the browser says only "could not be decoded"): counted by whoever is told below
    }
    slot.decoding = null;
    if (this.#slots.get(frame.head.camera) !== slot) {
      bitmap?.close(); // dropped meanwhile
      if (connection !== this.#connection) return; // another connection's sequences are none of this one's
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
