// Who gets in, and what those see who don't.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Desk, launchUrl } from "../support/simulated-ehr.mjs";
import { stage } from "./stage.mjs";

const here = stage("doors");
const patience = { timeout: 60_000 };

test("a cancelled appointment opens no visit", patience, async () => {
  const { ehr } = here.demo;
  const person = await here.person();
  const view = await person.open(await launchUrl(ehr, "provider", "finn", "jon-cancelled"));

  await view.at("error");
  await view.screenshot("error-cancelled");
  forgiveStatus(person);
});

test("tomorrow's visit is not open yet", patience, async () => {
  const person = await here.person();
  const view = await person.open(await launchUrl(here.demo.ehr, "patient", "grace", "grace-tomorrow"));

  await view.at("error");
  await view.screenshot("error-too-early");
  forgiveStatus(person);
});

test("a launch token opens one visit, once", patience, async () => {
  const person = await here.person();
  const url = await launchUrl(here.demo.ehr, "patient", "ana", "ana-now");
  await (await person.open(url)).at("waiting");

  const stranger = await here.person();
  await stranger.open(url);
  assert.notEqual(await stranger.context.pages()[0].getAttribute("body", "data-page"), "waiting");
  forgiveStatus(stranger);
});

test("the waiting page is whole without scripts", patience, async () => {
  const person = await here.person({ javaScriptEnabled: false });
  const view = await person.open(await launchUrl(here.demo.ehr, "patient", "ana", "ana-now"));

  await view.at("waiting");
  await view.says("Finn");
  assert.equal(await view.frame.locator("noscript meta[http-equiv=refresh], meta[http-equiv=refresh]").count(), 1);
});

test("the device test ends with a verdict in words", patience, async () => {
  const portal = await Desk.portal(await here.person(), here.demo.ehr, "ana");
  const view = await portal.open("device-test", "ana-now");

  await view.at("device-test");
  await view.screenshot("device-test");
});

/** Chromium tells the console about every page with an error status; those are meant here. */
function forgiveStatus(person) {
  person.troubles = person.troubles.filter((trouble) => !trouble.includes("the server responded with a status"));
}
