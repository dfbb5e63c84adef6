// Swagger UI is dark when the root element has this class.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

// What Swagger UI lacks for people who hear the page: landmarks, an order of headings, and names of fields.
const forEars = (make, text) => make("span", { className: "for-ears" }, text);
const readable = ({ React: { createElement: make, Fragment } }) => ({
  components: {
    DeepLink: ({ text }) => make("span", null, text),
  },
  wrapComponents: {
    InfoContainer: (Original) => (given) => make("section", { "aria-label": "About" }, make(Original, given)),
    authorizationPopup: (Original) => (given) =>
      make("div", { role: "dialog", "aria-label": "Tokens" }, make("h2", { className: "for-ears" }, "Tokens"), make(Original, given)),
    CloseIcon: (Original) => (given) => make(Fragment, null, forEars(make, "Close"), make(Original, given)),
    SchemesContainer: (Original) => (given) => make("section", { "aria-label": "Tokens" }, make(Original, given)),
    operations: (Original) => (given) => make(Fragment, null, make("h2", null, "Operations"), make(Original, given)),
    ExamplesSelect: (Original) => (given) =>
      make("label", null, forEars(make, "Example"), make(Original, given)),
    TextArea: (Original) => (given) => make(Original, { "aria-label": "Body", ...given }),
  },
});

SwaggerUIBundle({
  domNode: document.getElementById("viewer"),
  url: "/openapi.json",
  deepLinking: true,
  // Above 150 lines Swagger UI shows those on the screen only, and a browser finds no word in the others.
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  plugins: [readable],
  syntaxHighlight: { theme: "obsidian" },
  validatorUrl: null,
});
