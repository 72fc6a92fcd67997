// What makes elements. Texts become text nodes and attributes are set by name, so that nothing of a log line is ever read as markup.

const svgSpace = 'http://www.w3.org/2000/svg';

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.setAttribute('class', value);
    else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'selected') element[name] = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  put(element, children);
  return element;
}

/** Makes an HTML element: h('td', {class: 'num'}, 'text', other). Handlers are props such as onclick. */
export function h(name, props, ...children) {
  return fill(document.createElement(name), props, children);
}

/** Makes an SVG element. */
export function s(name, props, ...children) {
  return fill(document.createElementNS(svgSpace, name), props, children);
}

/** Shows what would move, hide or turn around the text beside it: ␛ for an escape, [U+202E] for what turns the direction of writing. */
export const visible = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, (c) => (c === '\u007f' ? '\u2421' : String.fromCharCode(0x2400 + c.charCodeAt(0))))
  .replace(/[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
}

/** Replaces what an element holds. Focus stays on the element with the same data-key, when it had it. */
export function replace(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
  element.replaceChildren();
  put(element, children);
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

let counter = 0;
/** Returns an id that no other element has. */
export const unique = (prefix) => `${prefix}-${++counter}`;

/** A labelled control: the label stands above it, the hint below. */
export function field(label, control, hint) {
  control.id ||= unique('field');
  const note = hint && h('span', { class: 'hint', id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute('aria-describedby', note.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, note);
}

/** What a view shows when there is nothing, or when it could not be had. */
export const empty = (title, ...more) => h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), more.length > 0 && h('p', null, more));

/** A table with a caption for those who do not see it. Columns: {name, num, sort, wide}. */
export function table(caption, columns, rows, props) {
  return h('div', { class: 'table-wrap', role: 'region', 'aria-label': caption, tabindex: 0 },
    h('table', props,
      h('caption', { class: 'unseen' }, caption),
      h('thead', null, h('tr', null, columns.map((c) => h('th', { scope: 'col', class: classOf(c), 'aria-sort': c.sorted }, c.button ?? c.name)))),
      h('tbody', null, rows)));
}

export const classOf = (c) => [c.num && 'num', c.wide && 'wide', c.minor && 'minor'].filter(Boolean).join(' ') || undefined;

/** Says something for a moment, also to screen readers. */
let toastTimer;
export function toast(text, bad) {
  const place = document.getElementById('toast');
  place.textContent = text;
  place.classList.toggle('bad', Boolean(bad));
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { place.textContent = ''; }, bad ? 10000 : 5000);
}
