/** Shows openapi.json by Swagger UI, whose dark colours are those of a class. */

const dark = matchMedia("(prefers-color-scheme: dark)");
const showColors = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

dark.addEventListener("change", showColors);
showColors();

// Else the fields of a form are kept as the text of a JSON body, when that is chosen instead.
const forgetForms = { statePlugins: { oas3: { wrapSelectors: { hasUserEditedBody: () => () => false } } } };

SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#docs",
  plugins: [forgetForms],
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null, // none: by default a server elsewhere is asked
});
