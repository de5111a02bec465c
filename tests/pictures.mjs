#!/usr/bin/env node
// Takes the README's pictures anew: node tests/pictures.mjs

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { admit, join as joinRoom } from "./e2e/meeting.mjs";
import { Browser, devices } from "./support/browser.mjs";
import { filmOf, sitters } from "./support/camera.mjs";
import { Demo } from "./support/demo.mjs";
import { Desk } from "./support/simulated-ehr.mjs";

const images = fileURLToPath(new URL("../docs/images/", import.meta.url));
// A clinic in Chicago, and a patient who lives there.
const local = { timezoneId: "America/Chicago", locale: "en-US" };

const folder = await mkdtemp(join(tmpdir(), "anteroom-pictures-"));
const browserOf = async (who) => Browser.start([...devices.there, await filmOf(sitters[who], join(folder, `${who}.y4m`))]);
const demo = await Demo.start("pictures");
const browsers = [await browserOf("patient"), await browserOf("clinician")];
try {
  const phone = { viewport: { width: 390, height: 916 }, ...local };
  const [ana, finn] = [await browsers[0].person(phone), await browsers[1].person(local)];
  const patient = await (await Desk.portal(ana, demo.ehr, "ana")).open("patient", "ana-now");
  await patient.at("waiting");
  await patient.page.screenshot({ path: join(images, "waiting-room.png") });

  const clinician = await (await Desk.schedule(finn, demo.ehr, "finn", "in-tab")).open("provider", "ana-now");
  await joinRoom(clinician);
  await admit(clinician, patient, "ana");
  // The first pictures are coarse.
  for (let time = 0; time < 5; time += 1) await Promise.all([patient.seesAndHears(), clinician.seesAndHears()]);
  await clinician.page.screenshot({ path: join(images, "visit.png") });
} finally {
  await Promise.all(browsers.map((browser) => browser.stop()));
  await demo.stop();
  await rm(folder, { recursive: true, force: true });
}
