// The device test: alone, launched and in the waiting room; what is wrong is told apart, and the clinician learns of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Browser, devices } from "../support/browser.mjs";
import { Desk } from "../support/simulated-ehr.mjs";
import { stage } from "./stage.mjs";

const here = stage("device-test");
const patience = { timeout: 90_000 };

test("everything works: the page alone keeps nothing", patience, async () => {
  const view = await (await here.person()).open(`${here.demo.anteroom}/device-test`);
  await view.at("device-test");
  await view.look("device-test");

  await runTest(view);
  await view.says("You are ready");
  await view.look("device-test-passed");
});

test("in the waiting room: the clinician sees the result beside the patient", patience, async () => {
  const { ehr } = here.demo;
  const patient = await (await Desk.portal(await here.person(), ehr, "ana")).open("patient", "ana-now");
  await patient.at("waiting");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.says("No device test yet");

  await patient.disclosure("Test your camera and sound").click();
  const { metrics, overall } = await reported(patient, () => runTest(patient));
  assert.equal(overall, "pass");
  assert.equal(metrics.transport, "udp");
  assert.ok(metrics.rtt_ms > 0 && metrics.rtt_ms < 400, `a round trip of ${metrics.rtt_ms} ms`);
  assert.ok(metrics.loss_percent < 5, `${metrics.loss_percent} % lost`);
  await patient.look("waiting-device-test");

  await clinician.says("Device test: works");
  await clinician.look("visit-device-test");
  await patient.at("waiting");
});

test("launched from the portal before the visit: the result is there when the patient arrives", patience, async () => {
  const { ehr } = here.demo;
  const portal = await Desk.portal(await here.person(), ehr, "walter", "in-page");
  const view = await portal.open("device-test", "walter-soon");
  await view.at("device-test");
  await reported(view, () => runTest(view, { heard: "No" }));
  await view.says("There is a problem");
  await view.look("device-test-in-page");

  const patient = await portal.open("patient", "walter-soon");
  await patient.at("waiting");
  const schedule = await Desk.schedule(await here.person(), ehr, "finn", "in-tab");
  const clinician = await schedule.open("provider", "walter-soon");
  await clinician.says("Device test: problem with speaker");
});

for (const { what, having, says, reason } of [
  {
    what: "a permission that was denied",
    having: devices.denied,
    says: "Your browser does not let this page use the camera.",
    reason: "camera-denied",
  },
  { what: "a missing device", having: devices.missing, says: "No camera was found.", reason: "camera-not-found" },
]) {
  test(`${what} is explained, and keeps nobody out`, patience, async (t) => {
    const browser = await Browser.start(having);
    t.after(() => browser.stop());
    const { ehr } = here.demo;
    const person = await here.personIn(browser);
    const view = await (await Desk.portal(person, ehr, "ana")).open("device-test", "ana-now");
    const { reason_codes: reasons } = await reported(view, () => runTest(view));
    assert.ok(reasons.includes(reason), reasons.join());
    await view.says(says);
    await view.says(/You can still join your visit\.$/);
    await view.look(`device-test-${reason}`);
    await person.leave();
    here.people = [];
  });
}

test("a page that embeds ours and keeps the camera from it is told apart", patience, async () => {
  const portal = await Desk.portal(await here.person(), here.demo.ehr, "ana", "in-page");
  await portal.view.frame.evaluate(() => document.querySelector("iframe").removeAttribute("allow"));
  const view = await portal.open("device-test", "ana-now");
  await view.at("device-test");
  const { reason_codes: reasons } = await reported(view, () => runTest(view));
  assert.ok(reasons.includes("blocked-by-embedder"), reasons.join());
  await view.says("The page around this one keeps the camera from it.");
  here.people.forEach((person) => person.forgive(/Permissions policy violation: (camera|microphone)/));
});

test("where UDP does not come through, TCP is measured", patience, async (t) => {
  const browser = await Browser.start([...devices.there, "--webrtc-ip-handling-policy=disable_non_proxied_udp"]);
  t.after(() => browser.stop());
  const person = await here.personIn(browser);
  const view = await (await Desk.portal(person, here.demo.ehr, "ana")).open("device-test", "ana-now");
  const { metrics, reason_codes: reasons } = await reported(view, () => runTest(view));
  assert.equal(metrics?.transport, "tcp", reasons.join());
  assert.ok(reasons.includes("tcp-only"), reasons.join());
  await person.leave();
  here.people = [];
});

test("a connection that nobody can test is no failure", patience, async () => {
  const person = await here.person();
  await person.context.route("**/device-test/connection", (route) => route.abort());
  const view = await person.open(`${here.demo.anteroom}/device-test`);
  await runTest(view);
  await view.says("What we could test works");
  person.forgiveNetwork();
});

/** Starts the test, and answers its question where there is one. */
async function runTest(view, { heard = "Yes" } = {}) {
  await view.button("Start the test").click();
  await view.button(heard).click();
  await view.frame.locator("#test-verdict:not([hidden])").waitFor({ timeout: 30_000 });
}

/** What the page tells the server of a test, once that has taken it. */
async function reported(view, run) {
  const isResult = (request) => request.method() === "POST" && /\/device-test(\/for\/[\w-]+)?$/.test(new URL(request.url()).pathname);
  const [response] = await Promise.all([
    view.page.waitForResponse((response) => isResult(response.request()), { timeout: 40_000 }),
    run(),
  ]);
  assert.equal(response.status(), 204);
  return response.request().postDataJSON();
}
