// What calls take and give, by the name of the operation in the contract.

import type { components, operations } from "./contract.js";

/** A schema of the contract by its name, such as `Project`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

type Success<Responses> = Responses extends Record<number, unknown>
  ? Responses[Extract<keyof Responses, 200 | 201 | 202>]
  : never;

/** What a success of an operation holds. */
export type Answer<Name extends keyof operations> =
  Success<operations[Name]["responses"]> extends { content: { "application/json": infer Content } }
    ? Content
    : never;

/** The members of an operation's body. */
export type Body<Name extends keyof operations> =
  operations[Name] extends { requestBody: { content: { "application/json": infer Content } } }
    ? Content
    : never;

/** The fields of an operation's form. */
export type Form<Name extends keyof operations> =
  operations[Name] extends { requestBody: { content: { "multipart/form-data": infer Content } } }
    ? Content
    : never;

/** The parameters of an operation's query. */
export type Query<Name extends keyof operations> =
  NonNullable<operations[Name]["parameters"]["query"]>;

/** One item of the pages that an operation answers. */
export type Item<Name extends keyof operations, Member extends string> =
  Answer<Name> extends { [M in Member]: readonly (infer One)[] } ? One : never;
