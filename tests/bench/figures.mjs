// What was measured, beside what is required, as lines of a Markdown table.

let missed = false;

/** A figure that nothing is required of. */
export function note(what, measured) {
  console.log(`| ${what} | – | ${measured} | |`);
}

/** A figure, and whether it is as required; a miss makes the process fail. */
export function judge(what, required, measured, ok) {
  console.log(`| ${what} | ${required} | ${measured} | ${ok ? "ok" : "**missed**"} |`);
  missed ||= !ok;
  if (missed) process.exitCode = 1;
}

/** The middle one; of an even number the upper of the two. */
export function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** A time in whole milliseconds. */
export const ms = (milliseconds) => `${Math.round(milliseconds)} ms`;
