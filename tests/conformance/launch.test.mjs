// Our launch against the foreign EHR: private-key JWT, PKCE, exact redirect URI and single use are enforced there.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { PlainBrowser } from "../support/plain-browser.mjs";
import { Program, freePort } from "../support/program.mjs";
import { ids } from "./hospital.mjs";
import { startSmartEhr } from "./smart-oidc.mjs";

const patience = { timeout: 60_000 };
const { patient, practitioner, appointment, encounter, csn } = ids;

for (const [algorithm, method] of [
  ["ES384", "get"],
  ["RS384", "post"],
]) {
  describe(`with ${algorithm} and authorize by ${method}`, () => {
    let ehr;
    let ours;
    let folder;
    let publicUrl;

    before(async () => {
      const port = await freePort();
      publicUrl = `http://localhost:${port}`;
      ehr = await startSmartEhr({
        jwksUri: `${publicUrl}/ehr/conformance/jwks.json`,
        redirectUri: `${publicUrl}/ehr/conformance/callback`,
        signingAlgorithm: algorithm,
      });
      folder = await mkdtemp(join(tmpdir(), "anteroom-conformance-"));
      const config = join(folder, "anteroom.toml");
      await writeFile(config, configuration({ port, publicUrl, folder, ehr, algorithm, method }));
      ours = await Program.start(`launch-${algorithm}-${method}`, ["serve", "--config", config]);
      await ours.ready(async () => (await fetch(`${publicUrl}/readyz`)).ok);
    }, patience);

    after(async () => {
      await ours?.stop();
      await ehr?.close();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    test("a clinician arrives at the visit", patience, async () => {
      const page = await launch("provider", `Practitioner/${practitioner}`, { patient, appointment, encounter });

      assert.equal(page.data("page"), "visit", explained(page));
      assert.deepEqual(ehr.complaints, []);
    });

    test("a patient arrives in the waiting room", patience, async () => {
      const page = await launch("patient", `Patient/${patient}`, { patient, appointment });

      assert.equal(page.data("page"), "waiting", explained(page));
      assert.deepEqual(ehr.complaints, []);
    });

    test("a session id from the integration record names the visit", patience, async () => {
      const page = await launch("patient", `Patient/${patient}`, { patient, sessionId: csn });

      assert.equal(page.data("page"), "waiting", explained(page));
    });

    test("without any context, today's only appointment is taken", patience, async () => {
      const page = await launch("patient", `Patient/${patient}`, { patient });

      assert.equal(page.data("page"), "waiting", explained(page));
    });

    test("another patient's appointment opens no visit", patience, async () => {
      const page = await launch("provider", `Practitioner/${practitioner}`, { patient: "pat-other", appointment });

      assert.equal(page.data("page"), "error");
      assert.ok(page.data("error"));
    });

    test("a launch token that was used before opens no visit", patience, async () => {
      const token = ehr.launch(`Patient/${patient}`, { patient, appointment });
      await follow("patient", token);
      const page = await follow("patient", token);

      assert.equal(page.data("page"), "error");
    });

    test("an unknown EHR is asked nothing", patience, async () => {
      const before = ehr.fhirRequests.length;
      const iss = encodeURIComponent(`${ehr.fhirBase}/elsewhere`);
      const page = await new PlainBrowser().open(`${publicUrl}/launch/provider?iss=${iss}&launch=x`);

      assert.equal(page.data("page"), "error");
      assert.equal(ehr.fhirRequests.length, before);
    });

    function launch(kind, fhirUser, context) {
      return follow(kind, ehr.launch(fhirUser, context));
    }

    /** From the EHR's link to the page where it ends; where we authorize by POST, our page's form is submitted. */
    async function follow(kind, token) {
      const browser = new PlainBrowser();
      const link = `${publicUrl}/launch/${kind}?${new URLSearchParams({ iss: ehr.fhirBase, launch: token })}`;
      const page = await browser.open(link);
      return method === "post" ? browser.submit(page) : page;
    }

    function explained(page) {
      return `data-error: ${page.data("error")}; the EHR refused: ${ehr.refusals.join("; ") || "nothing"}`;
    }
  });
}

function configuration({ port, publicUrl, folder, ehr, algorithm, method }) {
  return `
[server]
listen = "127.0.0.1:${port}"
public_url = "${publicUrl}"
data_dir = "${folder}/data"

[[ehr]]
id = "conformance"
name = "A foreign EHR"
vendor = "generic"
environment = "non-production"
fhir_base_url = "${ehr.fhirBase}"
time_zone = "America/Chicago"
signing_algorithm = "${algorithm}"
authorize_method = "${method}"
clients = { provider = "anteroom", patient = "anteroom", backend = "anteroom" }
visits = { admittance = "manual" }

[meeting]
backend = "built-in"
`;
}
