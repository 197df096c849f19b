// Filling the page's own markup: parts by name, text as text, templates.

export const byId = (id) => document.getElementById(id);
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);
export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** Set the text of parts by name; unchanged text is left alone, so nothing is read out or deselected twice. */
export function fill(root, texts) {
  for (const [name, text] of Object.entries(texts)) {
    const node = part(root, name);
    if (node.textContent !== String(text)) node.textContent = text;
  }
}

export function show(root, visible) {
  for (const [name, on] of Object.entries(visible)) part(root, name).hidden = !on;
}

/** A busy button shows that it waits; it keeps its place in the tab order. */
export function busy(button, isBusy, isDisabled = isBusy) {
  button.setAttribute("aria-busy", String(isBusy));
  button.setAttribute("aria-disabled", String(isDisabled));
}

export const press = (button, isPressed) => button.setAttribute("aria-pressed", String(isPressed));

/** Read out once by screen readers. */
export const announce = (words) => { byId("said").textContent = words; };

/** An SVG element; attributes as they are, text as text. */
export function drawn(name, attributes, ...children) {
  const node = document.createElementNS(byId("icons").namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
