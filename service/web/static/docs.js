/** Shows openapi.json in Swagger UI, whose dark colors need a class. */

const dark = matchMedia("(prefers-color-scheme: dark)");
const showColors = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

dark.addEventListener("change", showColors);
showColors();

// Without this, Swagger UI puts the fields of a form into the JSON body when JSON is selected.
const forgetForms = { statePlugins: { oas3: { wrapSelectors: { hasUserEditedBody: () => () => false } } } };

SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#docs",
  plugins: [forgetForms],
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // null: the default is a server on another host
});
