"use strict";

// The console of this server has it by the same name: who is signed in there, is here, until the
// tab is closed.
const KEY = "projects-api-key";
const SCHEME = "ApiKey";

// Colours as the system has them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", colour);
colour();

/** Leave empty what nobody has to fill in: samples made from a pattern are no values to send. */
function withoutSamples(contract) {
  for (const item of Object.values(contract.paths)) {
    for (const operation of Object.values(item)) {
      for (const given of operation.parameters || []) {
        const parameter = resolved(contract, given);
        const isDecided = parameter.required || "default" in (parameter.schema || {});
        if (!isDecided && parameter.in !== "path") {
          delete parameter.example;
          delete parameter.examples;
        }
      }
      const form = operation.requestBody?.content?.["multipart/form-data"];
      if (form) form.schema = emptied(contract, resolved(contract, form.schema));
    }
  }
  return contract;
}

/** A form of which each text is empty at first; the empty choice of some is its default. */
function emptied(contract, form) {
  const properties = Object.entries(form.properties).map(([name, given]) => {
    const property = { ...resolved(contract, given) };
    if (property.format === "binary" || "default" in property) return [name, property];
    if (property.enum) property.enum = ["", ...property.enum];
    return [name, { ...property, default: "", example: "" }];
  });
  return { ...form, properties: Object.fromEntries(properties) };
}

function resolved(contract, part) {
  if (!part?.$ref) return part;
  return part.$ref.split("/").slice(1).reduce((found, name) => found[name], contract);
}

const keepKey = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original) => (given) => {
          sessionStorage.setItem(KEY, given[SCHEME].value.trim());
          return original(given);
        },
        logout: (original) => (names) => {
          sessionStorage.removeItem(KEY);
          return original(names);
        },
      },
    },
  },
});

/** What is left empty is not sent, unless its box is ticked. */
const leaveOutEmpty = ({ React }) => ({
  wrapComponents: {
    ParameterIncludeEmpty: (Original) => (given) =>
      React.createElement(Original, {
        ...given,
        isIncludedOptions: { ...given.isIncludedOptions, defaultValue: false },
      }),
  },
});

const samples = fetch("docs/samples.json").then((answer) => (answer.ok ? answer.json() : {}));

/** How a program sends each request, ahead of what it answers. */
const showSamples = ({ React }) => {
  const e = React.createElement;
  const Samples = ({ operation }) => {
    const [byLanguage, keep] = React.useState({});
    React.useEffect(() => {
      samples.then((all) => keep(all[operation] || {}));
    }, [operation]);
    return e(
      "div",
      { className: "code-samples" },
      e("div", { className: "opblock-section-header" }, e("h4", null, "Code samples")),
      Object.entries(byLanguage).map(([language, code]) =>
        e(
          "details",
          { key: language },
          e("summary", null, language),
          e("pre", { className: "example microlight", tabIndex: 0 }, code),
        ),
      ),
    );
  };
  return {
    wrapComponents: {
      responses: (Original, { specSelectors }) => (given) => {
        const place = ["paths", given.path, given.method, "operationId"];
        const operation = specSelectors.specJson().getIn(place);
        return e("div", null, e(Samples, { operation }), e(Original, given));
      },
    },
  };
};

// All addresses are relative to the page, so that it works behind a proxy that adds a prefix.
const page = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // The page is for this server only: neither a foreign validator nor a contract from elsewhere.
  validatorUrl: null,
  queryConfigEnabled: false,
  plugins: [keepKey, leaveOutEmpty, showSamples],
  responseInterceptor: (response) => {
    if (response.ok && new URL(response.url).pathname.endsWith("/openapi.json")) {
      response.text = JSON.stringify(withoutSamples(JSON.parse(response.text)));
    }
    return response;
  },
  onComplete: () => {
    const key = sessionStorage.getItem(KEY);
    if (key) page.preauthorizeApiKey(SCHEME, key);
  },
});
