/** Reads pictures: one request at a time, and only the newest picture's answer counts. */

/** @import { Reading } from "./service.js" */
/** @typedef {() => Promise<Blob>} Source  Gives the picture's file, as it is when the request is sent. */

import { read, sentence } from "./service.js";

const PAUSE = 80; // milliseconds between requests while someone draws

export class Reader {
  /** @type {Source | null} */
  #next = null;
  #running = false;
  #abort = new AbortController();
  #answered;
  #failed;

  /**
   * @param {(reading: Reading, picture: Blob) => void} answered
   * @param {(sentence: string) => void} failed
   */
  constructor(answered, failed) {
    this.#answered = answered;
    this.#failed = failed;
  }

  /** Ask for a picture's answer, unless another picture comes before it is sent. @param {Source} source */
  async read(source) {
    this.#next = source;
    if (this.#running) return;
    this.#running = true;
    while (this.#next) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      await this.#readNext();
    }
    this.#running = false;
  }

  /** Forget every picture, and whatever is still answered. */
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
    try {
      const picture = await source();
      const reading = await read(picture, signal);
      if (isNewest()) this.#answered(reading, picture);
    } catch (error) {
      if (isNewest()) this.#failed(sentence(error));
    }
  }
}
