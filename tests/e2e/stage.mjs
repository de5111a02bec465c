// What every browser test needs: the demo, a browser, new visits, and people without troubles.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach } from "node:test";

import { Browser } from "../support/browser.mjs";
import { startDemo } from "../support/program.mjs";
import { newVisits } from "../support/simulated-ehr.mjs";

/** Sets the stage for the tests of one file; `name` names the program's log. */
export function stage(name) {
  const here = {
    /** Somebody new; gone after the test, and not one page of theirs may have complained. */
    async person(options) {
      const person = await here.browser.person(options);
      here.people.push(person);
      return person;
    },
  };

  before(async () => {
    here.demo = await startDemo(name);
    here.browser = await Browser.start();
  });
  beforeEach(async () => {
    here.people = [];
    await newVisits(here.demo.ehr);
  });
  afterEach(async () => {
    const troubles = here.people.flatMap((person) => person.troubles);
    await Promise.all(here.people.map((person) => person.leave()));
    assert.deepEqual(troubles, []);
  });
  after(async () => {
    await here.browser?.stop();
    await here.demo?.stop();
  });
  return here;
}
