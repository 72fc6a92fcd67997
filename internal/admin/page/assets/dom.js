// Builds elements. Text becomes text nodes and attributes are set by name, so no part of a log line is parsed as markup.

const svgSpace = 'http://www.w3.org/2000/svg';

// Attributes that users see or hear.
const shown = new Set(['title', 'aria-label', 'aria-description', 'placeholder']);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.setAttribute('class', value);
    else if (name === 'value' || name === 'checked' || name === 'disabled' || name === 'selected') element[name] = value;
    else element.setAttribute(name, value === true ? '' : shown.has(name) ? visible(String(value)) : String(value));
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

// Invisible characters, and those that change how others are displayed. The list equals that of internal/safetext, whose test compares both.
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe-\uffff\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
const symbol = /\p{So}$/u;

/** Escapes characters that would move, hide or reverse the text around them, as internal/safetext does: \u001b for an escape, \u202e for a change of direction. */
export const visible = (text) => text.replace(hidden, (c, at) => {
  if (c === '\r') return '\\r';
  if (c === '\ufe0f' && symbol.test(text.slice(Math.max(0, at - 2), at))) return c;
  return Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
});

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
}

/** Replaces the children of an element. Focus stays on the element with the same data-key. */
export function replace(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
  element.replaceChildren();
  put(element, children);
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

let counter = 0;
/** Returns an ID that no other element has. */
export const unique = (prefix) => `${prefix}-${++counter}`;

/** A control with a label above and a hint below. */
export function field(label, control, hint) {
  control.id ||= unique('field');
  const note = hint && h('span', { class: 'hint', id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute('aria-describedby', note.id);
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, note);
}

/** The placeholder of an empty view. */
export const empty = (title, ...more) => h('div', { class: 'empty' }, h('p', { class: 'empty-title' }, title), more.length > 0 && h('p', null, more));

/**
 * A table with a caption for screen readers. Columns: {name, num, sort, wide}. On phones each row becomes a card, whose cells are labelled by their columns;
 * the roles keep it a table for screen readers.
 */
export function table(caption, columns, rows, props) {
  for (const row of rows.flat()) {
    row.setAttribute('role', 'row');
    [...row.cells].forEach((cell, i) => {
      cell.setAttribute('role', cell.matches('th') ? 'rowheader' : 'cell');
      if (!cell.matches('th')) cell.dataset.label = columns[i]?.name ?? '';
      if (cell.textContent === '') cell.classList.add('nothing');
    });
  }
  return h('div', { class: 'table-wrap', role: 'region', 'aria-label': caption, tabindex: 0 },
    h('table', { role: 'table', ...props },
      h('caption', { class: 'unseen' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((c) => h('th', { scope: 'col', role: 'columnheader', class: [classOf(c), c.button && 'sorts'].filter(Boolean).join(' ') || undefined, 'aria-sort': c.sorted }, c.button ?? c.name)))),
      h('tbody', { role: 'rowgroup' }, rows)));
}

export const classOf = (c) => [c.num && 'num', c.wide && 'wide', c.minor && 'minor'].filter(Boolean).join(' ') || undefined;

/** Shows a message for some seconds, and announces it to screen readers. */
let toastTimer;
export function toast(text, bad) {
  const place = document.getElementById('toast');
  place.textContent = visible(text);
  place.classList.toggle('bad', Boolean(bad));
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { place.textContent = ''; }, bad ? 10000 : 5000);
}
