// Two validators of FHIR R4 that nobody here wrote: npm `fhir` knows required codes, `fhirkit` the form of values.

import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Fhir } from "fhir";

const fhir = new Fhir();

/** What is wrong with these resources, as sentences; of a bundle, each entry is judged by itself too. */
export async function faults(resources) {
  const all = resources.flatMap((resource) => [resource, ...(resource.entry ?? []).map((entry) => entry.resource)]);
  return [...all.flatMap(byCodes), ...(await byForm(all))];
}

function byCodes(resource) {
  const { messages } = fhir.validate(resource, { errorOnUnexpected: true });
  return messages
    .filter(({ severity }) => severity === "error" || severity === "fatal")
    .map(({ location, message }) => `${name(resource)}: ${location}: ${message}`);
}

async function byForm(resources) {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-fhir-"));
  try {
    const files = resources.map((_, index) => join(folder, `${index}.json`));
    await Promise.all(files.map((file, index) => writeFile(file, JSON.stringify(resources[index]))));
    const { stdout, stderr, error } = spawnSync("python3", ["-m", "fhirkit.cli", "validate", "--json", ...files], {
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    if (error) throw error;
    const reports = stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    if (reports.length !== resources.length) throw new Error(`fhirkit did not read every resource: ${stderr}`);
    return reports.flatMap(({ issues }, index) =>
      issues.map(({ path, message }) => `${name(resources[index])}: ${path}: ${message}`),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function name({ resourceType, id }) {
  return `${resourceType}/${id}`;
}
