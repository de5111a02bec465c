// What every browser test needs: the demo, a browser, new visits, and people without troubles. When all is over, what
// the program wrote must hold no secret of what happened.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";

import { Browser } from "../support/browser.mjs";
import { Demo } from "../support/demo.mjs";
import { Secrets } from "../support/secrets.mjs";
import { newVisits } from "../support/simulated-ehr.mjs";

/**
 * Sets the stage for the tests of one file.
 *
 * @param name names the program's log
 * @param settings what the environment puts over the demo's configuration
 */
export function stage(name, settings) {
  const secrets = new Secrets();
  const here = {
    /** Somebody new; gone after the test, and not one page of theirs may have complained. */
    async person(options) {
      return here.personIn(here.browser, options);
    },

    /** The same in another browser. */
    async personIn(browser, options) {
      const person = await browser.person(options);
      here.people.push(person);
      return person;
    },
  };

  before(async () => {
    here.demo = await Demo.start(name, settings);
    here.browser = await Browser.start();
  });
  beforeEach(async () => {
    here.people = [];
    await newVisits(here.demo.ehr);
  });
  afterEach(async () => {
    const troubles = here.people.flatMap((person) => person.troubles);
    await Promise.all(here.people.map((person) => person.leave()));
    here.people.forEach((person) => secrets.ofBrowser(person));
    await secrets.ofEhr(here.demo.ehr);
    assert.deepEqual(troubles, []);
  });
  after(async () => {
    await here.browser?.stop();
    if (here.demo) await assertKeptQuiet(here.demo, secrets);
  });
  return here;
}

/** No name, number, token or code stands in the figures, the logs or the database; each kind was there to be found. */
async function assertKeptQuiet(demo, secrets) {
  const figures = await fetch(demo.metricsUrl).then((answer) => answer.text(), String);
  const left = await demo.stop();

  const counts = secrets.counts();
  for (const what of ["name", "CSN", "access token", "launch", "code", "state", "cookie"]) {
    assert.ok(counts[what] > 0, `no ${what} to look for in ${JSON.stringify(counts)}`);
  }
  assert.ok(figures.includes("anteroom"), "no figures");
  assert.deepEqual(secrets.inLog(figures), [], "in the figures");
  for (const [file, bytes] of left) {
    const found = file.endsWith(".log") ? secrets.inLog(bytes) : secrets.inData(bytes);
    assert.deepEqual(found, [], `in ${file}`);
  }
  assert.ok([...left.keys()].some((file) => !file.endsWith(".log")), "no database file was looked at");
}
