/**
 * Makes `target`'s children like those of `source`, touching only what differs. Focus, an open
 * `<details>` and a button that is just being pressed outlive it. Elements with an id are matched by
 * it, others by place.
 */
export function morphChildren(target, source) {
  for (const child of [...target.children]) {
    if (child.id && !byId(source, child)) child.remove();
  }
  let place = target.firstChild;
  for (const wanted of [...source.childNodes]) {
    const match = findMatch(target, place, wanted);
    if (match === null) {
      target.insertBefore(document.importNode(wanted, true), place);
      continue;
    }
    // What stands before the match is made anew where it is wanted: a node that moves loses focus.
    while (place !== match && !place.id) place = removed(place);
    if (match !== place) move(target, match, place);
    place = match.nextSibling;
    morphNode(match, wanted);
  }
  while (place !== null) place = removed(place);
}

function findMatch(target, place, wanted) {
  if (wanted.id) return byId(target, wanted);
  return place !== null && place.nodeName === wanted.nodeName && !place.id ? place : null;
}

function byId(parent, like) {
  return [...parent.children].find((child) => child.id === like.id && child.nodeName === like.nodeName) ?? null;
}

/** Removes a node and answers the one after it. */
function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** Moves a node, with its focus where the browser can do that. */
function move(parent, node, before) {
  if (parent.moveBefore) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
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
