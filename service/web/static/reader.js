/** Reads images: sends one request at a time, and shows only the answer for the newest image. */

/** @import { Failure, Reading } from "./service.js" */
/** @typedef {() => Promise<Blob>} Source  Returns the image file at the time of the request. */

import { read, toFailure } from "./service.js";

const PAUSE_MS = 80; // between requests while someone draws

export class Reader {
  /** @type {Source | null} */
  #next = null;
  #running = false;
  #abort = new AbortController();
  #onReading;
  #onFailure;

  /**
   * @param {(reading: Reading, image: Blob) => void} onReading
   * @param {(failure: Failure, image: Blob | null) => void} onFailure  The image is null if the file can't be read.
   */
  constructor(onReading, onFailure) {
    this.#onReading = onReading;
    this.#onFailure = onFailure;
  }

  /** Read an image, unless another image comes before the request is sent. @param {Source} source */
  async read(source) {
    this.#next = source;
    if (this.#running) return;
    this.#running = true;
    while (this.#next) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      await this.#readNext();
    }
    this.#running = false;
  }

  /** Drop the waiting image, and the answer to the request in flight. */
  cancel() {
    this.#next = null;
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  async #readNext() {
    const { signal } = this.#abort;
    const source = this.#next;
    this.#next = null;
    if (!source) return;
    const isNewest = () => !this.#next && !signal.aborted;
    let image = null;
    try {
      image = await source();
      const reading = await read(image, signal);
      if (isNewest()) this.#onReading(reading, image);
    } catch (error) {
      if (isNewest()) this.#onFailure(toFailure(error), image);
    }
  }
}
