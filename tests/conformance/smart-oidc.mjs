#!/usr/bin/env node
// A SMART EHR around `oidc-provider`, a certified OpenID provider that nobody here wrote. It enforces private-key JWT
// against our published key set, PKCE, exact redirect URIs and single use of codes, assertions and launch tokens.
//
// As a program: smart-oidc.mjs --port 9090 --jwks-uri URL --redirect-uri URL

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { Provider, errors, interactionPolicy } from "oidc-provider";

import { hospital, ids, search } from "./hospital.mjs";

const FHIR_PATH = "/api/FHIR/R4";
const OAUTH_PATH = "/oauth2";
const TYPES = ["Appointment", "Encounter", "Patient", "Practitioner", "RelatedPerson"];
const FHIR_SCOPES = ["patient", "user", "system"].flatMap((who) =>
  [...TYPES, "*"].flatMap((type) => ["read", "rs", "r", "s"].map((what) => `${who}/${type}.${what}`)),
);

/**
 * Starts the EHR on 127.0.0.1.
 *
 * @param port 0 takes a free one
 * @param clientId the one client, for providers, patients and backend services
 * @param jwksUri where the client publishes its keys
 * @param redirectUri the client's only redirect URI
 * @param signingAlgorithm ES384 or RS384, as SMART wants
 */
export async function startSmartEhr({
  port = 0,
  clientId = "anteroom",
  jwksUri,
  redirectUri,
  signingAlgorithm = "ES384",
}) {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const ehr = {
    fhirBase: origin + FHIR_PATH,
    issuer: origin + OAUTH_PATH,
    /** What the client did that the provider lets pass but SMART forbids. */
    complaints: [],
    /** Why the provider refused a request; the client is told less. */
    refusals: [],
    /** Requests to the FHIR API, as `GET /Appointment/1`, in the order of arrival. */
    fhirRequests: [],
    launches: new Map(),
    contexts: new Map(),
  };

  /**
   * Makes a launch token for somebody who opens the link.
   *
   * @param fhirUser `Practitioner/…` or `Patient/…`
   * @param context what the token response adds: patient, appointment, custom keys
   */
  ehr.launch = (fhirUser, context) => {
    const token = randomUUID();
    ehr.launches.set(token, { fhirUser, context, used: false });
    return token;
  };
  ehr.close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };

  const provider = smartProvider(ehr, { clientId, jwksUri, redirectUri, signingAlgorithm });
  const oauth = provider.callback();
  server.on("request", (request, response) => {
    const url = new URL(request.url, origin);
    if (url.pathname.startsWith(`${OAUTH_PATH}/interaction/`)) {
      return consent(ehr, provider, request, response);
    }
    if (url.pathname.startsWith(`${OAUTH_PATH}/`)) {
      // What Express does for a mounted application: the provider learns its prefix from the two addresses.
      request.originalUrl = request.url;
      request.url = request.url.slice(OAUTH_PATH.length);
      return oauth(request, response);
    }
    return answerFhir(ehr, provider, request, url, response);
  });
  return ehr;
}

function smartProvider(ehr, { clientId, jwksUri, redirectUri, signingAlgorithm }) {
  const policy = interactionPolicy.base();
  // Every launch says anew who is there, whoever was there before.
  policy.get("login").checks.add(
    new interactionPolicy.Check("launched", "a launch names its user", (ctx) => !ctx.oidc.result?.login),
  );

  const provider = new Provider(ehr.issuer, {
    clients: [
      {
        client_id: clientId,
        redirect_uris: [redirectUri],
        response_types: ["code"],
        grant_types: ["authorization_code", "client_credentials"],
        token_endpoint_auth_method: "private_key_jwt",
        token_endpoint_auth_signing_alg: signingAlgorithm,
        id_token_signed_response_alg: "RS256",
        jwks_uri: jwksUri,
      },
    ],
    clientAuthMethods: ["private_key_jwt"],
    enabledJWA: { clientAuthSigningAlgValues: ["RS384", "ES384"] },
    assertJwtClientAuthClaimsAndHeader: (ctx, claims, header) => judgeAssertion(ehr, claims, header),
    scopes: ["openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", ...FHIR_SCOPES],
    claims: { openid: ["sub"], fhirUser: ["fhirUser"] },
    conformIdTokenClaims: false,
    findAccount: (ctx, reference) => ({
      accountId: reference,
      claims: () => ({ sub: reference.split("/").at(-1), fhirUser: `${ehr.fhirBase}/${reference}` }),
    }),
    renderError(ctx, out) {
      ctx.type = "text";
      ctx.body = out.error_description;
    },
    pkce: { required: () => true },
    extraParams: {
      aud(ctx, value) {
        if (value !== ehr.fhirBase) throw new errors.InvalidRequest("aud must be the FHIR base");
      },
      launch(ctx, value) {
        if (!ehr.launches.has(value)) throw new errors.InvalidRequest("launch was not issued here");
      },
    },
    interactions: { policy, url: (ctx, interaction) => `${OAUTH_PATH}/interaction/${interaction.uid}` },
    features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
    jwks: { keys: [signingKey()] },
    // Its own dispatcher refuses loopback, which is where the client's keys are.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    enableHttpPostMethods: true,
    // Without it the provider takes no POST from another site, which ours is.
    cookies: { keys: [randomUUID()], long: { sameSite: "none" } },
    ttl: {
      AccessToken: 300,
      AuthorizationCode: 60,
      ClientCredentials: 300,
      Grant: 600,
      IdToken: 300,
      Interaction: 60,
      Session: 600,
    },
  });

  for (const event of ["authorization.error", "grant.error", "jwks.error", "server_error"]) {
    provider.on(event, (ctx, error) => ehr.refusals.push(explain(error)));
  }
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === "token" && ctx.status === 200) addContext(ehr, ctx);
  });
  return provider;
}

/** Lets the launch's user in without a question: they are signed in to the EHR. */
async function consent(ehr, provider, request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const refuse = (description) =>
    provider.interactionFinished(request, response, {
      error: "invalid_request",
      error_description: description,
    });

  const launch = ehr.launches.get(params.launch);
  if (launch.used) return refuse("launch was used before");
  launch.used = true;
  if (!params.scope.split(" ").includes("launch")) return refuse("scope lacks launch");
  if ((params.state ?? "").length < 22) return refuse("state is guessable");
  if (!params.nonce) return refuse("nonce is missing");

  const grant = new provider.Grant({ accountId: launch.fhirUser, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const grantId = await grant.save();
  ehr.contexts.set(grantId, launch.context);
  return provider.interactionFinished(request, response, {
    login: { accountId: launch.fhirUser, remember: false },
    consent: { grantId },
  });
}

/** SMART's rules for the assertion, beyond OpenID's (SMART App Launch 2.2, "client-confidential-asymmetric"). */
function judgeAssertion(ehr, claims, header) {
  const now = Date.now() / 1000;
  const rules = [
    [header.typ === "JWT", "typ must be JWT"],
    [typeof header.kid === "string", "kid must be there"],
    [claims.aud === `${ehr.issuer}/token`, "aud must be the token endpoint"],
    [claims.sub === claims.iss, "sub must be iss"],
    [claims.exp <= now + 300, "exp must be within five minutes"],
    [typeof claims.jti === "string" && claims.jti.length <= 151, "jti must be a string of at most 151 characters"],
    [claims.iat === undefined || claims.iat <= now, "iat must not be in the future"],
  ];
  const broken = rules.find(([kept]) => !kept);
  if (broken) throw new errors.InvalidClientAuth(broken[1]);
}

/** The launch context goes into the token response, at its top level. */
function addContext(ehr, ctx) {
  if (ctx.oidc.body.client_id !== undefined) {
    ehr.complaints.push("a confidential client sends no client_id in the token request");
  }
  const { AuthorizationCode: code } = ctx.oidc.entities;
  if (code) ctx.body = { ...ctx.body, need_patient_banner: true, ...ehr.contexts.get(code.grantId) };
}

async function answerFhir(ehr, provider, request, url, response) {
  const answer = (status, body) => {
    response.writeHead(status, { "content-type": "application/fhir+json" });
    response.end(JSON.stringify(body));
  };
  const path = url.pathname.startsWith(FHIR_PATH) ? url.pathname.slice(FHIR_PATH.length) : "";
  if (path === "/.well-known/smart-configuration") {
    response.writeHead(200, { "content-type": "application/json" });
    return response.end(JSON.stringify(smartConfiguration(ehr)));
  }

  const [, type, id] = path.split("/");
  if (!TYPES.includes(type)) return answer(404, outcome("not-found"));
  ehr.fhirRequests.push(`${request.method} ${path}`);
  const bearer = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
  const token = (await provider.AccessToken.find(bearer)) ?? (await provider.ClientCredentials.find(bearer));
  if (!token) return answer(401, outcome("login"));

  const resources = hospital();
  if (!id) return answer(200, search(resources, type, url.searchParams));
  const found = resources.find((resource) => resource.resourceType === type && resource.id === id);
  return found ? answer(200, found) : answer(404, outcome("not-found"));
}

function smartConfiguration({ issuer }) {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks`,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    token_endpoint_auth_methods_supported: ["private_key_jwt"],
    token_endpoint_auth_signing_alg_values_supported: ["RS384", "ES384"],
    grant_types_supported: ["authorization_code", "client_credentials"],
    response_types_supported: ["code"],
    code_challenge_methods_supported: ["S256"],
    capabilities: [
      "launch-ehr",
      "authorize-post",
      "client-confidential-asymmetric",
      "sso-openid-connect",
      "context-ehr-patient",
      "context-ehr-encounter",
      "permission-patient",
      "permission-user",
      "permission-v1",
      "permission-v2",
    ],
  };
}

function explain(error) {
  const told = error.error_detail ?? error.error_description;
  return [error.message, told, error.cause?.message].filter(Boolean).join(": ");
}

function outcome(code) {
  return { resourceType: "OperationOutcome", issue: [{ severity: "error", code }] };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "conformance" };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      "client-id": { type: "string", default: "anteroom" },
      "jwks-uri": { type: "string" },
      "redirect-uri": { type: "string" },
      algorithm: { type: "string", default: "ES384" },
    },
  });
  const ehr = await startSmartEhr({
    port: Number(values.port),
    clientId: values["client-id"],
    jwksUri: values["jwks-uri"],
    redirectUri: values["redirect-uri"],
    signingAlgorithm: values.algorithm,
  });
  const { patient, practitioner, appointment, encounter } = ids;
  const launch = ehr.launch(`Practitioner/${practitioner}`, { patient, appointment, encounter });
  console.log(`FHIR base: ${ehr.fhirBase}`);
  console.log(`Launch once as a clinician: iss=${encodeURIComponent(ehr.fhirBase)}&launch=${launch}`);
}
