// The foreign EHR itself, with a client made here from Node's own crypto: what it refuses later is then our fault.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { PlainBrowser } from "../support/plain-browser.mjs";
import { ids } from "./hospital.mjs";
import { startSmartEhr } from "./smart-oidc.mjs";

const keys = generateKeyPairSync("ec", { namedCurve: "P-384" });
const encode = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));

let app;
let ehr;
let redirectUri;

before(async () => {
  const jwk = { ...keys.publicKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "ES384" };
  app = createServer((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(request.url.startsWith("/jwks") ? JSON.stringify({ keys: [jwk] }) : "callback");
  }).listen(0, "127.0.0.1");
  await once(app, "listening");
  const origin = `http://127.0.0.1:${app.address().port}`;
  redirectUri = `${origin}/callback`;
  ehr = await startSmartEhr({ jwksUri: `${origin}/jwks`, redirectUri });
});

after(async () => {
  await ehr?.close();
  app?.close();
});

const verifier = randomBytes(32).toString("base64url");

function authorizeUrl(changes = {}) {
  const query = new URLSearchParams({
    response_type: "code",
    client_id: "anteroom",
    redirect_uri: redirectUri,
    scope: "launch openid fhirUser patient/Appointment.read",
    launch: ehr.launch(`Practitioner/${ids.practitioner}`, { patient: ids.patient, appointment: ids.appointment }),
    aud: ehr.fhirBase,
    state: randomBytes(16).toString("base64url"),
    nonce: "n-1",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    ...changes,
  });
  return `${ehr.issuer}/auth?${query}`;
}

function assertion(changes = {}) {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: "ES384", typ: "JWT", kid: "k1" };
  const claims = {
    iss: "anteroom",
    sub: "anteroom",
    aud: `${ehr.issuer}/token`,
    jti: randomUUID(),
    iat: now - 30,
    exp: now + 240,
    ...changes,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = sign("sha384", Buffer.from(signed), { key: keys.privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

async function redeem(code, changes = {}) {
  const response = await fetch(`${ehr.issuer}/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: assertion(),
      ...changes,
    }),
  });
  return { status: response.status, body: await response.json() };
}

async function freshCode(changes) {
  const page = await new PlainBrowser().open(authorizeUrl(changes));
  return new URL(page.url).searchParams.get("code");
}

test("a launch ends with tokens, its context and an id_token that names the user", async () => {
  const { status, body } = await redeem(await freshCode());

  assert.equal(status, 200, ehr.refusals.join());
  assert.equal(body.patient, ids.patient);
  assert.equal(body.appointment, ids.appointment);
  const [header, claims] = body.id_token.split(".").slice(0, 2).map(decode);
  assert.equal(header.alg, "RS256");
  assert.equal(claims.nonce, "n-1");
  assert.equal(claims.iss, ehr.issuer);
  assert.equal(claims.fhirUser, `${ehr.fhirBase}/Practitioner/${ids.practitioner}`);

  const read = await fetch(`${ehr.fhirBase}/Appointment/${ids.appointment}`, {
    headers: { authorization: `Bearer ${body.access_token}` },
  });
  assert.equal((await read.json()).id, ids.appointment);
});

test("a launch token works once", async () => {
  const url = authorizeUrl();
  await new PlainBrowser().open(url);
  const second = await new PlainBrowser().open(url);

  assert.equal(new URL(second.url).searchParams.get("error"), "invalid_request");
});

test("a code works once and only with its verifier", async () => {
  const code = await freshCode();
  assert.equal((await redeem(code, { code_verifier: randomBytes(32).toString("base64url") })).status, 400);

  const other = await freshCode();
  assert.equal((await redeem(other)).status, 200);
  assert.equal((await redeem(other)).body.error, "invalid_grant");
});

test("an assertion works once, for five minutes, at the token endpoint", async () => {
  const client_assertion = assertion();
  assert.equal((await redeem(await freshCode(), { client_assertion })).status, 200);

  const now = Math.floor(Date.now() / 1000);
  const refused = [
    client_assertion,
    assertion({ exp: now + 3600 }),
    assertion({ aud: ehr.fhirBase }),
    assertion({ jti: "x".repeat(152) }),
    assertion({ iss: "somebody-else" }),
  ];
  for (const client_assertion of refused) {
    const { body } = await redeem(await freshCode(), { client_assertion });
    assert.equal(body.error, "invalid_client");
  }
});

test("authorize wants PKCE, the right audience and the registered redirect URI", async () => {
  const refused = [
    { code_challenge: "", code_challenge_method: "" },
    { aud: "https://elsewhere.example.org" },
    { redirect_uri: `${redirectUri}/` },
    { launch: "made-up" },
    { state: "1" },
  ];
  for (const changes of refused) {
    assert.equal(await freshCode(changes), null, JSON.stringify(changes));
  }
});

test("FHIR is closed to strangers", async () => {
  const response = await fetch(`${ehr.fhirBase}/Patient/${ids.patient}`);
  assert.equal(response.status, 401);
});
