/** Sends requests to the service, and describes errors in one sentence. */

/**
 * @typedef {object} Digit
 * @property {number} digit
 * @property {number} confidence
 * @property {boolean} uncertain
 * @property {number[]} probabilities
 * @property {number[]} box  Left, top, width and height in pixels of the upright image.
 */
/** @typedef {{text: string, lines: {text: string, digits: Digit[]}[]}} Reading  The answer of POST /read. */
/** @typedef {{error: string, code?: string}} Failure */
/** @typedef {{digit: number, ink: string, seen: string, overlay: string}} Explanation  The answer of POST /explain. */

/** The root of the service's paths, independent of the page's own address. */
export const ROOT = new URL("..", import.meta.url);

const TIMEOUT_MS = 30_000;

/** An error whose message is shown on the page. */
export class Problem extends Error {
  /** @param {string} message @param {string} [code] of the service's error */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/** @returns {Promise<Reading>} all digits of an image */
export function read(/** @type {Blob} */ image, /** @type {AbortSignal} */ signal) {
  return post("read", image, isReading, signal);
}

/** @returns {Promise<(Reading | Failure)[]>} the reading or the error of each image */
export async function readAll(/** @type {Blob[]} */ images, /** @type {AbortSignal} */ signal) {
  const form = new FormData();
  for (const image of images) form.append("image", image);
  const isBatch = ({ readings }) =>
    readings?.length === images.length && readings.every((item) => isReading(item) || isFailure(item));
  return (await post("read/batch", form, isBatch, signal)).readings;
}

/** @returns {Promise<Explanation>} the explanation of the answer to an image of one digit */
export function explain(/** @type {Blob} */ image, /** @type {AbortSignal} */ signal) {
  return post("explain", image, isExplanation, signal);
}

/**
 * Keep an image and the digit that it shows, or that one of its boxes shows.
 * @param {Blob} image
 * @param {string} digit 0 to 9, or none
 * @param {number[]} [box] of the digit, if the service reads one
 */
export async function correct(image, digit, box) {
  const form = new FormData();
  form.append("image", image);
  form.append("digit", digit);
  if (box) form.append("box", box.join());
  await post("feedback", form, ({ path }) => typeof path === "string", new AbortController().signal);
}

/** @returns {string} */
export function sentence(/** @type {unknown} */ error) {
  return error instanceof Problem ? error.message : `Something went wrong in this page: ${error}. Please try again.`;
}

/** @returns {Failure} */
export function toFailure(/** @type {unknown} */ error) {
  return { error: sentence(error), code: error instanceof Problem ? error.code : undefined };
}

export function isFailure(answer) {
  return typeof answer?.error === "string";
}

async function post(path, body, isValid, signal) {
  const [response, answer] = await withTimeout(signal, async (signal) => {
    // The service recognises files by their content.
    const headers = body instanceof FormData ? {} : { "Content-Type": "application/octet-stream" };
    const response = await fetch(new URL(path, ROOT), { method: "POST", body, headers, signal });
    return [response, await response.text().then(JSON.parse).catch(toNull)];
  }).catch(throwProblem);
  if (response.ok && isValid(answer ?? {})) return answer;
  if (response.ok) {
    throw new Problem(
      "What answered is not this service, maybe a login page in front of it. Reload the page, or try again later.",
    );
  }
  if (isFailure(answer)) throw new Problem(answer.error, answer.code);
  throw new Problem(`The service answered with status ${response.status}. Please try again.`);
}

/** Call with a signal that also aborts after TIMEOUT_MS. Safari has AbortSignal.any only since 17.4. */
async function withTimeout(signal, call) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new DOMException("", "TimeoutError")), TIMEOUT_MS);
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await call(controller.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

/** Return null for a body that is not JSON. */
function toNull(error) {
  if (error instanceof SyntaxError) return null;
  throw error;
}

function throwProblem(error) {
  if (error.name === "TimeoutError") throw new Problem("The service took too long to answer. Please try again.");
  if (!navigator.onLine) throw new Problem("You are offline. Try again once the connection is back.");
  throw new Problem("The service can't be reached. Please try again in a moment.");
}

function isReading({ text, lines }) {
  const isLine = (line) => Array.isArray(line?.digits) && line.digits.length > 0 && line.digits.every(isDigit);
  return typeof text === "string" && Array.isArray(lines) && lines.length > 0 && lines.every(isLine);
}

function isDigit({ digit, confidence, probabilities, box }) {
  const areNumbers = (list, length) => list?.length === length && list.every(Number.isFinite);
  return /^[0-9]$/.test(digit) && Number.isFinite(confidence) && areNumbers(probabilities, 10) && areNumbers(box, 4);
}

function isExplanation({ digit, ink, seen, overlay }) {
  return Number.isInteger(digit) && [ink, seen, overlay].every((url) => /^data:image\/png;/.test(url));
}
