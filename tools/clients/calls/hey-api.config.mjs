// The client of hey-api; `CHECKED` has zod check what is answered.
export default {
  input: process.env.CONTRACT,
  output: { path: "client", importFileExtension: ".js" },
  logs: { file: false },
  plugins: [
    "@hey-api/client-fetch",
    "@hey-api/typescript",
    ...(process.env.CHECKED ? ["zod"] : []),
    { name: "@hey-api/sdk", validator: Boolean(process.env.CHECKED) },
  ],
};
