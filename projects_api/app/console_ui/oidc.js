// Signing in at the issuer of tokens: authorization code with PKCE (RFC 7636), without a secret.

import { key } from "./session.js";

/**
 * @typedef {{issuer: string, authorization_endpoint: string, token_endpoint: string}} Discovery
 * @typedef {{access_token?: string, expires_in?: number, refresh_token?: string, error?: string,
 *   error_description?: string}} Granted
 * @typedef {{state: string, verifier: string, place: string}} Pending what waits for the return
 */

const PENDING = "projects-api-sign-in";
const SCOPE = "openid email profile";
const PATIENCE = 10_000;
/** A token is renewed when it has less than so many milliseconds left. */
const EARLY = 30_000;
/** Where the issuer sends people back to: this page's address, without what stands after it. */
const BACK = new URL("..", import.meta.url).href;

/** @param {string} name */
const told = (name) => document.querySelector(`meta[name="oidc-${name}"]`)?.getAttribute("content") || "";

const ISSUER = told("issuer");
const CLIENT = told("client-id");

/** Whose sign-in is offered; empty where the server names no issuer for it. */
export const issuerHost = ISSUER && CLIENT && new URL(ISSUER).host;

class SignInError extends Error {
  title = "You could not be signed in";
}

/** Go to the issuer; the browser leaves this page. */
export async function begin() {
  if (!crypto.subtle) {
    throw new SignInError("Browsers do this by HTTPS alone. Open this page by HTTPS, or use an API key.");
  }
  const { authorization_endpoint } = await discover();
  const { state, verifier } = { state: random(), verifier: random() };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  /** @type {Pending} */
  const pending = { state, verifier, place: location.hash };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const to = new URL(authorization_endpoint);
  const asked = {
    response_type: "code",
    client_id: CLIENT,
    redirect_uri: BACK,
    scope: SCOPE,
    state,
    code_challenge: encoded(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(asked)) to.searchParams.set(name, value);
  location.assign(to);
  await new Promise((resolve) => addEventListener("pagehide", resolve, { once: true }));
}

const RETURNED = new URLSearchParams(location.search);

/** Whether this page was opened by the issuer, with an answer. */
export const isReturn = Boolean(issuerHost) && RETURNED.has("state") && (RETURNED.has("code") || RETURNED.has("error"));

const waiting = sessionStorage.getItem(PENDING);
if (isReturn) {
  // What is good for one use is neither left in the address nor in the tab.
  /** @type {Partial<Pending>} */
  const { place = "" } = JSON.parse(waiting || "{}");
  sessionStorage.removeItem(PENDING);
  history.replaceState(null, "", `${location.pathname}${place}`);
}

/** Take the code that the issuer sent, and get a token for it. */
export async function finish() {
  /** @type {Partial<Pending>} */
  const { state, verifier } = JSON.parse(waiting || "{}");
  if (!state || !verifier || RETURNED.get("state") !== state) {
    throw new SignInError("The answer of the issuer is not to what this tab asked. Sign in again.");
  }
  if (RETURNED.has("iss") && RETURNED.get("iss") !== ISSUER) {
    throw new SignInError("The answer is not of the issuer that was asked. Sign in again.");
  }
  const code = RETURNED.get("code");
  if (!code) throw refusal({ error: RETURNED.get("error") || "", error_description: RETURNED.get("error_description") || "" });
  const { token_endpoint } = await discover();
  keep(await grant(token_endpoint, { grant_type: "authorization_code", code, redirect_uri: BACK, code_verifier: verifier }), token_endpoint);
}

/** @type {Promise<boolean> | null} */
let renewing = null;

/** Renew a token that ends soon, or `refused`, which the server refused; tell whether there is
 * another one. @param {string | null} [refused] */
export async function renew(refused = null) {
  const renewal = key.renewal();
  if (!renewal?.refresh) return false;
  if (refused === null && (renewal.ends === null || renewal.ends - Date.now() > EARLY)) return false;
  if (refused !== null && refused !== key.get()) return true;
  // Pages ask for several things at once, and a refresh token often works once.
  renewing ||= again(renewal.at, renewal.refresh).finally(() => (renewing = null));
  return renewing;
}

/** @param {string} at @param {string} refresh */
async function again(at, refresh) {
  try {
    const granted = await grant(at, { grant_type: "refresh_token", refresh_token: refresh });
    // Somebody may have signed out meanwhile, and is not signed in by this.
    if (key.renewal()?.refresh !== refresh) return false;
    keep({ refresh_token: refresh, ...granted }, at);
    return true;
  } catch {
    return false; // The server decides whether the old one is good still.
  }
}

/** @param {Granted} granted @param {string} at */
function keep({ access_token = "", expires_in, refresh_token }, at) {
  if (access_token.split(".").length !== 3) {
    throw new SignInError("The issuer gave no token that this server reads (a JWT). Tell the server's operator.");
  }
  const ends = typeof expires_in === "number" ? Date.now() + expires_in * 1000 : null;
  key.set(access_token, { ends, refresh: refresh_token || null, at });
}

/** @returns {Promise<Discovery>} */
async function discover() {
  /** @type {Discovery} */
  const found = await ask(`${ISSUER.replace(/\/+$/, "")}/.well-known/openid-configuration`);
  const { origin, protocol } = new URL(ISSUER);
  const [login, tokens] = [found.authorization_endpoint, found.token_endpoint].map(parsed);
  // The page may send to that origin alone; to go there in plain text would show the code.
  if (found.issuer !== ISSUER || tokens?.origin !== origin || ![protocol, "https:"].includes(login?.protocol || "")) {
    throw new SignInError("What the issuer tells of itself is not what this page may use. Tell the server's operator.");
  }
  return found;
}

/** @param {string} text */
function parsed(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** @param {string} at @param {Record<string, string>} form @returns {Promise<Granted>} */
const grant = (at, form) => ask(at, new URLSearchParams({ ...form, client_id: CLIENT }));

/** @param {string} address @param {URLSearchParams} [form] */
async function ask(address, form) {
  let answer;
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    answer = await fetch(address, { method: form ? "POST" : "GET", body: form || null, credentials: "omit", redirect: "error", signal });
  } catch {
    throw new SignInError(`${issuerHost} does not answer this page. Try again; if it stays so, tell the server's operator.`);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw refusal(body);
  return body;
}

/** @param {Granted} said */
const refusal = ({ error, error_description }) =>
  new SignInError(`${issuerHost} refused it: ${error_description || error || "it gave no reason"}. Sign in again.`);

/** 43 letters of 256 random bits. */
const random = () => encoded(crypto.getRandomValues(new Uint8Array(32)));

/** @param {Uint8Array} bytes */
const encoded = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
