// How soon somebody who clicks Join sees the other: two Chromium windows over the demo, the patient in the room
// already, and the clinician joining again and again.
//
// node tests/bench/first-frame.mjs [times]

import { Browser } from "../support/browser.mjs";
import { Demo } from "../support/demo.mjs";
import { Desk } from "../support/simulated-ehr.mjs";
import { judge, median, ms, note } from "./figures.mjs";

const LIMIT_MS = 500;
const times = Number(process.argv[2] ?? 20);
// Pictures as often as a camera makes them.
const camera = ["--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream"];

const demo = await Demo.start("bench-first-frame");
const browser = await Browser.start(camera);
try {
  const clinician = await meet(demo.ehr);
  const taken = [];
  for (let n = 0; n < times; n += 1) {
    taken.push(await clinician.frame.evaluate(joinAndWatch));
    await clinician.seesAndHears();
    await clinician.page.reload();
    await clinician.at("visit");
  }
  const until = (stage) => taken.map((reached) => reached[stage]);
  const decoded = until("decoded");
  const middle = median(decoded);
  judge(`First decoded frame after Join, median of ${times}`, `< ${LIMIT_MS} ms`, ms(middle), middle < LIMIT_MS);
  note("… shortest and longest", `${ms(Math.min(...decoded))} and ${ms(Math.max(...decoded))}`);
  note("… until the offer is answered, median", ms(median(until("answered"))));
  note("… until ICE and DTLS are through, median", ms(median(until("connected"))));
  note("… until the first video packet, median", ms(median(until("received"))));
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
  await clinician.button(/^Admit (?!all)/).click();
  await patient.at("room");
  await patient.frame.locator('#room[data-call="connected"]').waitFor();
  return clinician;
}

/** Runs in the page: joins, and answers after how many milliseconds it was how far. */
function joinAndWatch() {
  const begun = performance.now();
  document.getElementById("join").click();
  const reached = {};
  const reach = (stage) => (reached[stage] ??= performance.now() - begun);
  const look = async () => {
    for (const connection of window.peerConnectionsOfTest) {
      if (connection.remoteDescription) reach("answered");
      if (connection.connectionState === "connected") reach("connected");
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== "inbound-rtp" || report.kind !== "video") continue;
        if (report.packetsReceived > 0) reach("received");
        if (report.framesDecoded > 0) reach("decoded");
      }
    }
  };
  return new Promise((resolve, reject) => {
    const again = async () => {
      await look();
      if (reached.decoded) resolve(reached);
      else if (performance.now() - begun > 15_000) reject(new Error("no frame within 15 s"));
      else setTimeout(again, 5);
    };
    again();
  });
}
