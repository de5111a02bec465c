/**
 * Makes `target`'s children like those of `source`, touching only what differs. Focus, an open
 * `<details>` and a button that is just being pressed outlive it. Elements with an id are matched by
 * it, others by place.
 */
export function morphChildren(target, source) {
  let place = target.firstChild;
  for (const wanted of [...source.childNodes]) {
    const match = findMatch(target, place, wanted);
    if (match === null) {
      target.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    if (match !== place) target.insertBefore(match, place);
    place = match.nextSibling;
    morphNode(match, wanted);
  }
  while (place !== null) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function findMatch(target, place, wanted) {
  if (wanted.id) {
    return [...target.children].find((child) => child.id === wanted.id && child.nodeName === wanted.nodeName) ?? null;
  }
  return place !== null && place.nodeName === wanted.nodeName && !place.id ? place : null;
}

function morphNode(node, wanted) {
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.nodeValue !== wanted.nodeValue) node.nodeValue = wanted.nodeValue;
    return;
  }
  // Whether a details is open is the reader's affair.
  const theirs = (name) => name === 'open' && node.nodeName === 'DETAILS';
  for (const { name } of [...node.attributes]) {
    if (!wanted.hasAttribute(name) && !theirs(name)) node.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  morphChildren(node, wanted);
}
