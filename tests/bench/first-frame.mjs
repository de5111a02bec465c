// How soon somebody who clicks Join sees the other: two Chromium windows over the demo, the patient in the room
// already, and the clinician joining again and again.
//
// node tests/bench/first-frame.mjs [times]

import { Browser } from "../support/browser.mjs";
import { startDemo } from "../support/program.mjs";
import { Desk } from "../support/simulated-ehr.mjs";
import { judge, median, ms, note } from "./figures.mjs";

const LIMIT_MS = 500;
const times = Number(process.argv[2] ?? 20);

const demo = await startDemo("bench-first-frame");
const browser = await Browser.start();
try {
  const clinician = await meet(demo.ehr);
  const taken = [];
  for (let n = 0; n < times; n += 1) {
    taken.push(await clinician.frame.evaluate(joinAndWatch));
    await clinician.seesAndHears();
    await clinician.page.reload();
    await clinician.at("visit");
  }
  const middle = median(taken);
  judge(`First decoded frame after Join, median of ${times}`, `< ${LIMIT_MS} ms`, ms(middle), middle < LIMIT_MS);
  note("… shortest and longest", `${ms(Math.min(...taken))} and ${ms(Math.max(...taken))}`);
} finally {
  await browser.stop();
  await demo.stop();
}

/** The patient let in and in the room; the clinician before their Join. */
async function meet(ehr) {
  const portal = await Desk.portal(await browser.person(), ehr, "ana");
  const schedule = await Desk.schedule(await browser.person(), ehr, "finn", "in-tab");
  const patient = await portal.open("patient", "ana-now");
  await patient.at("waiting");
  const clinician = await schedule.open("provider", "ana-now");
  await clinician.at("visit");
  await clinician.button("Admit Ana Ruiz").click();
  await patient.at("room");
  await patient.frame.locator('#room[data-call="connected"]').waitFor();
  return clinician;
}

/** Runs in the page: joins, and answers after how many milliseconds the first frame was decoded. */
function joinAndWatch() {
  const begun = performance.now();
  document.getElementById("join").click();
  const sees = async () => {
    for (const connection of window.peerConnectionsOfTest) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.kind === "video" && report.framesDecoded > 0) return true;
      }
    }
    return false;
  };
  return new Promise((resolve, reject) => {
    const look = async () => {
      const seen = await sees();
      const taken = performance.now() - begun;
      if (seen) resolve(taken);
      else if (taken > 15_000) reject(new Error("no frame within 15 s"));
      else setTimeout(look, 5);
    };
    look();
  });
}
