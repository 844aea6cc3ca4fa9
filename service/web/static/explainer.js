/** Explains digits of a reading: each when it is first asked for, and remembered. */

/** @import { Digit, Explanation } from "./service.js" */

import { cut } from "./cutting.js";
import { explain } from "./service.js";

export class Explainer {
  /** @type {Map<Digit, Promise<Explanation | null>>} */
  #explanations = new Map();
  #abort = new AbortController();
  #picture;
  #image;
  #digits;

  /**
   * @param {Blob} picture
   * @param {Promise<HTMLImageElement | null>} image the picture, if it has several digits and can be shown
   * @param {Digit[]} digits all that it shows
   */
  constructor(picture, image, digits) {
    this.#picture = picture;
    this.#image = image;
    this.#digits = digits;
  }

  /**
   * @param {Digit} digit
   * @returns {Promise<Explanation | null>} null where there is none, or one of another answer
   */
  explain(digit) {
    if (!this.#explanations.has(digit)) this.#explanations.set(digit, this.#ask(digit).catch(() => null));
    return this.#explanations.get(digit);
  }

  /** Ask no more. */
  cancel() {
    this.#abort.abort();
  }

  async #ask(digit) {
    const explanation = await explain(await this.#part(digit), this.#abort.signal);
    return explanation.digit === digit.digit ? explanation : null;
  }

  async #part(digit) {
    if (this.#digits.length === 1) return this.#picture;
    return cut(await this.#image, digit, this.#digits.filter((other) => other !== digit));
  }
}
