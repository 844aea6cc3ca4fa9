/** Explains the digits of a reading: requests an explanation when it is first needed, and remembers it. */

/** @import { Digit, Explanation } from "./service.js" */

import { cut } from "./cutting.js";
import { explain } from "./service.js";

export class Explainer {
  /** @type {Map<Digit, Promise<Explanation | null>>} */
  #explanations = new Map();
  #abort = new AbortController();
  #file;
  #image;
  #digits;

  /**
   * @param {Blob} file
   * @param {Promise<HTMLImageElement | null>} image null if it has one digit or can't be shown
   * @param {Digit[]} digits all digits of the image
   */
  constructor(file, image, digits) {
    this.#file = file;
    this.#image = image;
    this.#digits = digits;
  }

  /**
   * @param {Digit} digit
   * @returns {Promise<Explanation | null>} null if there is none, or it explains another answer
   */
  explain(digit) {
    if (!this.#explanations.has(digit)) this.#explanations.set(digit, this.#request(digit).catch(() => null));
    return this.#explanations.get(digit);
  }

  /** Cancel all requests. */
  cancel() {
    this.#abort.abort();
  }

  async #request(digit) {
    const explanation = await explain(await this.#cut(digit), this.#abort.signal);
    return explanation.digit === digit.digit ? explanation : null;
  }

  async #cut(digit) {
    if (this.#digits.length === 1) return this.#file;
    return cut(await this.#image, digit, this.#digits.filter((other) => other !== digit));
  }
}
