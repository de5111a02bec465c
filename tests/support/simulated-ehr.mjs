// The pages and controls of the simulated EHR (crates/sandbox).

import { View } from "./browser.mjs";

/** Names as this EHR displays them beside an appointment. */
export const shown = {
  ana: "Ruiz, Ana",
  walter: "Brooks, Walter",
  sade: "Bello, Sade",
  jon: "Halloran, Jon",
  grace: "Lind, Grace",
  finn: "Mara Finn, MD",
  okafor: "Tobias Okafor, PhD",
};

/** A clinician's schedule or a person's portal. */
export class Desk {
  constructor(person, view, where) {
    Object.assign(this, { person, view, where });
  }

  /** @param where `in-page` (a frame) or `in-tab` */
  static async schedule(person, ehr, user, where = "in-page") {
    return new Desk(person, await person.open(`${ehr}/hyperspace?user=${user}&open=${where}`), where);
  }

  /** @param where `in-page` (a frame) or `in-tab` */
  static async portal(person, ehr, user, where = "in-tab") {
    return new Desk(person, await person.open(`${ehr}/mychart?user=${user}&open=${where}`), where);
  }

  /** Clicks a link beside an appointment, e.g. `provider` or `device-test`, and answers what opens. */
  async open(kind, appointment) {
    const link = this.view.frame.locator(`[data-appointment="${appointment}"] [data-open="${kind}"]`);
    if (this.where === "in-page") {
      await link.click();
      return new View(this.view.page, this.view.page.frame({ name: "visit" }));
    }
    const [tab] = await Promise.all([this.person.context.waitForEvent("page"), link.click()]);
    return new View(tab);
  }

  /** Waits until the schedule's light of this person is green, or not. */
  async light(appointment, user, state) {
    const light = `[data-appointment="${appointment}"] [data-light][data-person="${user}"][data-state="${state}"]`;
    await this.view.frame.locator(light).waitFor();
  }
}

/** The address that a click on a link would open; also for links that the pages do not offer. */
export async function launchUrl(ehr, kind, user, appointment) {
  const { url } = await control(ehr, "launch", { kind, user, appointment });
  return url;
}

/** New visits around this moment, with nobody connected. */
export async function newVisits(ehr) {
  await control(ehr, "reset", {});
}

/** Tells the status endpoint what to answer: `ok`, `400`, `429`, `500` or `hang`; `times`: how often. */
export async function statusAnswers(ehr, mode, times) {
  await control(ehr, "status", { mode, times });
}

/** Every report that the status endpoint got, in order. */
export const statusReports = (ehr) => ask(ehr, "status-log");

/** Keys, people and numbers of all visits. */
export const allVisits = (ehr) => ask(ehr, "visits");

/** Every FHIR resource. */
export const allResources = (ehr) => ask(ehr, "resources");

/** All access tokens that are good. */
export const issuedTokens = (ehr) => ask(ehr, "tokens");

async function ask(ehr, what) {
  const response = await fetch(`${ehr}/sandbox/control/${what}`);
  if (!response.ok) throw new Error(`${what}: ${response.status}`);
  return response.json();
}

async function control(ehr, what, body) {
  const response = await fetch(`${ehr}/sandbox/control/${what}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${what}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? undefined : response.json();
}
