/** Asks the service, and says in a sentence what went wrong. */

/**
 * @typedef {object} Digit
 * @property {number} digit
 * @property {number} confidence
 * @property {boolean} uncertain
 * @property {number[]} probabilities
 * @property {number[]} box  Left, top, width and height in pixels of the upright picture.
 */
/** @typedef {{text: string, lines: {text: string, digits: Digit[]}[]}} Reading  The answer of POST /read. */
/** @typedef {{error: string}} Failure */
/** @typedef {{digit: number, ink: string, seen: string, overlay: string}} Explanation  That of POST /explain. */

/** Where the service's paths begin, whatever the page's own address. */
export const ROOT = new URL("..", import.meta.url);

const PATIENCE = 30_000; // milliseconds

/** A sentence for whoever uses the page. */
export class Problem extends Error {}

/** @returns {Promise<Reading>} all digits of a picture */
export function read(/** @type {Blob} */ picture, /** @type {AbortSignal} */ signal) {
  return post("read", picture, isReading, signal);
}

/** @returns {Promise<(Reading | Failure)[]>} those of each picture */
export async function readAll(/** @type {Blob[]} */ pictures, /** @type {AbortSignal} */ signal) {
  const form = new FormData();
  for (const picture of pictures) form.append("image", picture);
  const isBatch = ({ readings }) =>
    readings?.length === pictures.length && readings.every((each) => isReading(each) || isFailure(each));
  return (await post("read/batch", form, isBatch, signal)).readings;
}

/** @returns {Promise<Explanation>} what the answer to a picture of one digit rests on */
export function explain(/** @type {Blob} */ picture, /** @type {AbortSignal} */ signal) {
  return post("explain", picture, isExplanation, signal);
}

/** @returns {string} */
export function sentence(/** @type {unknown} */ error) {
  return error instanceof Problem ? error.message : `Something went wrong in this page: ${error}. Please try again.`;
}

export function isFailure(answer) {
  return typeof answer?.error === "string";
}

async function post(path, body, isRight, signal) {
  const [response, answer] = await patiently(signal, async (signal) => {
    // The service recognises files by their content.
    const headers = body instanceof FormData ? {} : { "Content-Type": "application/octet-stream" };
    const response = await fetch(new URL(path, ROOT), { method: "POST", body, headers, signal });
    return [response, await response.text().then(JSON.parse).catch(notJSON)];
  }).catch(unanswered);
  if (response.ok && isRight(answer ?? {})) return answer;
  if (response.ok) {
    throw new Problem(
      "What answered is not this service, maybe a login page in front of it. Reload the page, or try again later.",
    );
  }
  if (isFailure(answer)) throw new Problem(answer.error);
  throw new Problem(`The service answered with status ${response.status}. Please try again.`);
}

/** Call with a signal that also ends a call that takes too long. Safari has AbortSignal.any from 17.4 on. */
async function patiently(signal, call) {
  const ending = new AbortController();
  const end = () => ending.abort(signal.reason);
  const timer = setTimeout(() => ending.abort(new DOMException("", "TimeoutError")), PATIENCE);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  try {
    return await call(ending.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}

function notJSON(error) {
  if (error instanceof SyntaxError) return null;
  throw error;
}

function unanswered(error) {
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
  return Number.isInteger(digit) && [ink, seen, overlay].every((picture) => /^data:image\/png;/.test(picture));
}
