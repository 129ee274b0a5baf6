// Writes the types of the contract: `node generate.mjs openapi.yaml client.d.ts`.
// The command `openapi-typescript` does the same, but takes a file for a string. Here it is a Blob.

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import openapiTypescript, { astToString } from "openapi-typescript";
import typescript from "typescript";

const [contract, target] = process.argv.slice(2);
const blob = typescript.factory.createTypeReferenceNode("Blob");

const types = await openapiTypescript(pathToFileURL(resolve(contract)), {
  // What has a default may be left out of a request.
  defaultNonNullable: false,
  transform: (schema) => (schema.format === "binary" ? blob : undefined),
});
await writeFile(target, astToString(types));
