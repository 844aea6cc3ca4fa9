/** Asks the service what a picture shows: one request at a time, and only the newest picture's answer counts. */

/** @typedef {() => Promise<Blob>} Source  Gives the picture's file, as it is when the request is sent. */
/**
 * @typedef {object} Explanation  The answer of POST /explain.
 * @property {number} digit
 * @property {number} confidence
 * @property {boolean} uncertain
 * @property {number[]} probabilities
 * @property {string} ink
 * @property {string} seen
 * @property {string} overlay
 */

const PAUSE = 80; // milliseconds between requests while someone draws
const PATIENCE = 30_000;

export class Reader {
  /** @type {Source | null} */
  #next = null;
  #running = false;
  #abort = new AbortController();
  #answered;
  #failed;

  /**
   * @param {(explanation: Explanation) => void} answered
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
    const [tell, answer] = await explain(await source(), signal).then(
      (explanation) => [this.#answered, explanation],
      (error) => [this.#failed, sentence(error)],
    );
    if (!this.#next && !signal.aborted) tell(answer);
  }
}

/** The service's own sentence about what is wrong with a picture. */
class Refusal extends Error {}

/**
 * @param {Blob} picture
 * @param {AbortSignal} signal
 * @returns {Promise<Explanation>}
 */
async function explain(picture, signal) {
  const response = await fetch("explain", {
    method: "POST",
    body: picture,
    headers: { "Content-Type": "application/octet-stream" }, // the service recognises files by their content
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
  });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Refusal(answer.error ?? `The service answered with status ${response.status}. Please try again.`);
}

function sentence(error) {
  if (error instanceof Refusal) return error.message;
  if (error.name === "TimeoutError") return "The service took too long to answer. Please try again.";
  if (!navigator.onLine) return "You are offline. Draw on once the connection is back.";
  return "The service can't be reached. Please try again in a moment.";
}
