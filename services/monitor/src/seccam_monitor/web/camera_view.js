/* The tools of the view of one camera: full screen, keep screen on, snapshot, stream address. */

import { parts } from "./dom.js";

const CONFIRMED = 2000;

/** Copy a text to the clipboard. Where that isn't allowed (no secure context), select it in `field` instead. */
export async function copy(text, field, button) {
  const copied = await given(text);
  if (!copied) {
    field.hidden = false;
    if (field instanceof HTMLInputElement) field.select();
    else getSelection().selectAllChildren(field);
  }
  const label = (button.dataset.label ??= button.textContent);
  button.textContent = copied ? "Copied" : "Selected";
  setTimeout(() => (button.textContent = label), CONFIRMED);
}

async function given(text) {
  if (!navigator.clipboard) return false;
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    if (error.name !== "NotAllowedError") throw error;
    return false;
  }
  return true;
}

export class CameraView {
  #part;
  #camera = null;
  #lock = null;
  #keepOn = false;

  /**
   * @param {HTMLElement} bar with the buttons
   * @param {HTMLElement} target what goes full screen; the same for every camera, so full screen stays when the camera changes
   * @param {() => void} leave
   */
  constructor(bar, target, leave) {
    this.#part = parts(bar);
    const { back, full, wake, address, field } = this.#part;
    back.addEventListener("click", leave);
    full.hidden = !document.fullscreenEnabled;
    full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : target.requestFullscreen()));
    wake.hidden = !("wakeLock" in navigator);
    wake.addEventListener("click", () => this.#wake(!this.#keepOn));
    address.addEventListener("click", () => copy(field.value, field, address));
    document.addEventListener("visibilitychange", () => this.#relock()); // the browser releases the lock when the page is hidden
  }

  get back() {
    return this.#part.back;
  }

  /** Set the camera that the tools are for; null for none. */
  set camera(name) {
    if (name === this.#camera) return;
    this.#camera = name;
    if (name === null) {
      this.#wake(false);
      return;
    }
    const { name: title, snapshot, field } = this.#part;
    title.textContent = name;
    snapshot.href = `/cameras/${name}/snapshot.jpg`;
    snapshot.download = `${name}.jpg`;
    field.value = new URL(`/cameras/${name}/stream.mjpeg`, location.href).href;
    field.hidden = true;
  }

  async #wake(on) {
    this.#keepOn = on;
    this.#part.wake.setAttribute("aria-pressed", String(on));
    await this.#relock();
  }

  async #relock() {
    if (!this.#keepOn) {
      await this.#lock?.release();
      this.#lock = null;
    } else if (!document.hidden) {
      try {
        this.#lock = await navigator.wakeLock.request("screen");
      } catch (error) {
        if (error.name !== "NotAllowedError") throw error;
        this.#wake(false); // refused, for example because of a low battery: the button shows it
      }
    }
  }
}
