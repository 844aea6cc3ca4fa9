// Reads images with fetch, in Node.js 18 or later: node examples/fetch_client.mjs http://127.0.0.1:8080 FILE...

import { readFile } from "node:fs/promises";
import { basename } from "node:path";

const [address, ...paths] = process.argv.slice(2);

/** Send image files as a form, and return the answer or the error. Try again while the service is overloaded. */
async function post(route, paths) {
  const form = new FormData();
  for (const path of paths) form.append("image", new Blob([await readFile(path)]), basename(path));
  for (;;) {
    const signal = AbortSignal.timeout(30_000);
    const response = await fetch(`${address}${route}`, { method: "POST", body: form, signal });
    const answer = await response.json();
    if (answer.code !== "overloaded") return answer;
    await new Promise((resolve) => setTimeout(resolve, 1000 * response.headers.get("Retry-After")));
  }
}

/** Return a prediction, or the error, as text. Each kind of error has a code that never changes. */
function describe({ digit, confidence, uncertain, error, code }) {
  if (code === "no_digit") return "nothing is written there";
  if (error) return `${error} (${code})`;
  return `${digit}, ${(100 * confidence).toFixed(2)}%${uncertain ? ", uncertain" : ""}`;
}

console.log("One digit:", describe(await post("/predict", paths.slice(0, 1))));
const batch = await post("/predict/batch", paths);
if (batch.error) throw new Error(`${batch.error} (${batch.code})`); // of the whole request, such as too_large
for (const [i, item] of batch.predictions.entries()) console.log(`${paths[i]}: ${describe(item)}`);
for (const path of paths) {
  const reading = await post("/read", [path]);
  console.log(`All digits of ${path}:`, reading.text?.replaceAll("\n", " ") ?? describe(reading));
}
