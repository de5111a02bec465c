// What must stand in no log line and no database file, gathered while tests run.

import { allResources, allVisits, issuedTokens } from "./simulated-ehr.mjs";

const PEOPLE = ["Patient", "Practitioner", "RelatedPerson"];
const SECRET_PARAMETERS = ["launch", "code", "state", "nonce"];

/** Secrets by kind. Numbers of visits are kept by the database, which is asked for them, and by no log. */
export class Secrets {
  #never = new Map();
  #neverLogged = new Map();

  /** What somebody's browser was sent: secrets in the address bar, in forms, in cookies. */
  ofBrowser(person) {
    for (const { what, text } of person.secrets) this.#add(this.#never, what, text);
  }

  /** What the simulated EHR knows: names, numbers of visits, tokens that it gave away. */
  async ofEhr(ehr) {
    for (const resource of (await allResources(ehr)).filter(({ resourceType }) => PEOPLE.includes(resourceType))) {
      for (const { given, family, suffix = [] } of resource.name) {
        this.#add(this.#never, "name", `${given[0]} ${family}`);
        this.#add(this.#never, "name", `${family}, ${given[0]}`);
        this.#add(this.#never, "name", [`${given[0]} ${family}`, ...suffix].join(", "));
        this.#add(this.#neverLogged, "family name", family);
      }
      if (resource.birthDate) this.#add(this.#never, "birth date", resource.birthDate);
    }
    for (const { csn, conference_id: conference } of await allVisits(ehr)) {
      this.#add(this.#neverLogged, "CSN", csn);
      this.#add(this.#neverLogged, "conference id", conference);
    }
    for (const token of await issuedTokens(ehr)) this.#add(this.#never, "access token", token);
  }

  /** Which kinds stand in a database file. */
  inData(bytes) {
    return found(bytes, this.#never);
  }

  /** Which kinds stand in a log or in figures. */
  inLog(bytes) {
    return [...found(bytes, this.#never), ...found(bytes, this.#neverLogged)];
  }

  /** How many there are of each kind: a test that looks for nothing finds nothing. */
  counts() {
    const counts = {};
    for (const what of [...this.#never.values(), ...this.#neverLogged.values()]) counts[what] = (counts[what] ?? 0) + 1;
    return counts;
  }

  #add(to, what, text) {
    if (text) to.set(text, what);
  }
}

/** The secrets of a request's address or form. */
export function secretsOf(request) {
  const queries = [new URL(request.url()).searchParams, new URLSearchParams(request.postData() ?? "")];
  return queries.flatMap((query) =>
    SECRET_PARAMETERS.filter((name) => query.has(name)).map((name) => ({ what: name, text: query.get(name) })),
  );
}

function found(bytes, secrets) {
  return [...secrets].filter(([text]) => bytes.includes(text)).map(([text, what]) => `${what}: ${text}`);
}
