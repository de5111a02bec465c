// Every FHIR resource that we write, simulate or keep as a fixture is valid R4.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Demo } from "../support/demo.mjs";
import { hospital } from "./hospital.mjs";
import { faults } from "./validators.mjs";

const fixtures = fileURLToPath(new URL("../../fixtures/fhir/", import.meta.url));
const booked = {
  resourceType: "Appointment",
  id: "a",
  status: "booked",
  start: "2026-03-02T15:00:00Z",
  end: "2026-03-02T15:20:00Z",
  participant: [{ actor: { reference: "Patient/p" }, status: "accepted" }],
};

test("the validators see what is wrong", async () => {
  assert.deepEqual(await faults([booked]), []);
  const wrong = {
    "a code of another resource": { ...booked, status: "planned" },
    "an instant without a zone": { ...booked, start: "2026-03-02T15:00:00" },
    "a missing element": { ...booked, participant: undefined },
    "an element that does not exist": { ...booked, begin: booked.start },
    "the same inside a bundle": {
      resourceType: "Bundle",
      type: "searchset",
      entry: [{ resource: { ...booked, start: "soon" } }],
    },
  };
  for (const [what, resource] of Object.entries(wrong)) {
    assert.notDeepEqual(await faults([resource]), [], what);
  }
});

test("the fixtures are valid", async () => {
  assert.deepEqual(await faults(await validFixtures()), []);
});

test("the foreign EHR's resources are valid", async () => {
  assert.deepEqual(await faults(hospital()), []);
});

test("all resources of the simulated EHR are valid", { timeout: 120_000 }, async () => {
  const demo = await Demo.start("fhir-r4");
  try {
    const response = await fetch(`${demo.ehr}/sandbox/control/resources`);
    assert.equal(response.status, 200);
    const resources = await response.json();
    assert.ok(resources.length > 20, `only ${resources.length} resources`);
    assert.deepEqual(await faults(resources), []);
  } finally {
    await demo.stop();
  }
});

/** The fixtures, but for those in a folder `odd`, which are wrong on purpose. */
async function validFixtures() {
  const entries = await readdir(fixtures, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !file.slice(fixtures.length).split("/").includes("odd"));
  assert.notEqual(files.length, 0, "no fixtures");
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  return texts.map((text) => JSON.parse(text)).filter((value) => value.resourceType);
}
