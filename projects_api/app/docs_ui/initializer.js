"use strict";

// All addresses are relative to the page, so that it works behind a proxy that adds a prefix.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // The page is for this server only: neither a foreign validator nor a contract from elsewhere.
  validatorUrl: null,
  queryConfigEnabled: false,
});
