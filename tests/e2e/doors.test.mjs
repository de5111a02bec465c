// Who does not get in, and what they see.

import assert from "node:assert/strict";
import { test } from "node:test";

import { PlainBrowser } from "../support/plain-browser.mjs";
import { launchUrl } from "../support/simulated-ehr.mjs";
import { stage } from "./stage.mjs";

const here = stage("doors");
const patience = { timeout: 60_000 };

/** Opens an address that is refused for this reason; the page says so in words, and whom to ask. */
async function isRefused(person, url, error) {
  const view = await person.open(url);
  await view.at("error");
  assert.equal(await view.frame.locator("body").getAttribute("data-error"), error);
  await view.says("What to do now");
  await view.says("Please give this reference:");
  person.forgiveStatus();
  return view;
}

test("a cancelled appointment opens no visit", patience, async () => {
  const url = await launchUrl(here.demo.ehr, "provider", "finn", "jon-cancelled");
  const view = await isRefused(await here.person(), url, "visit-cancelled");
  await view.look("error-cancelled");
});

test("tomorrow's visit is not open yet", patience, async () => {
  const url = await launchUrl(here.demo.ehr, "patient", "grace", "grace-tomorrow");
  const view = await isRefused(await here.person(), url, "too-early");
  await view.look("error-too-early");
});

test("an unknown EHR opens nothing and is asked nothing", patience, async () => {
  const person = await here.person();
  const url = new URL(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"));
  url.searchParams.set("iss", "https://ehr.example.org/api/FHIR/R4");
  await isRefused(person, url.href, "unknown-iss");
  // The browser would have been sent there; `troubles` would tell.
});

test("a patient's link opens no clinician's page", patience, async () => {
  const url = new URL(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"));
  url.pathname = "/launch/provider";
  const person = await here.person();
  const view = await person.open(url.href);
  await view.at("error").catch(() => {});
  assert.notEqual(await view.frame.locator("body").getAttribute("data-page"), "visit");
  person.forgiveStatus();
});

test("a callback is good once", patience, async () => {
  const person = await here.person();
  const callback = person.context.waitForEvent("request", isCallback);
  await (await person.open(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"))).at("waiting");
  await isRefused(person, (await callback).url(), "launch-unknown");
});

test("a callback is good only in the browser that began the launch", patience, async () => {
  const callback = await callbackOf(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"));
  await isRefused(await here.person(), callback, "launch-unknown");
});

test("a seat's address opens nothing in another browser", patience, async () => {
  const patient = await (await here.person()).open(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"));
  await patient.at("waiting");
  await isRefused(await here.person(), patient.page.url(), "signed-out");
});

test("no secret stays in the address bar", patience, async () => {
  const patient = await (await here.person()).open(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"));
  await patient.at("waiting");
  const { pathname, search, hash } = new URL(patient.page.url());
  assert.match(pathname, /^\/seat\/[\w-]{22}$/);
  assert.equal(search + hash, "");
});

const isCallback = (request) => new URL(request.url()).pathname.endsWith("/callback");

/** The address by which the EHR sends a browser back to us, which this browser does not follow. */
async function callbackOf(launch) {
  const browser = new PlainBrowser();
  let url = launch;
  while (!new URL(url).pathname.endsWith("/callback")) {
    const response = await browser.ask(url);
    url = new URL(response.headers.get("location"), url).href;
  }
  return url;
}
