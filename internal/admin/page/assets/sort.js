// Tables that can be sorted by their headers.

import { h } from './dom.js';

/**
 * Turns columns {key, name, num, value(row)} into ones whose headers are buttons. sorting is {key, down}, changed in place; redraw is called after it.
 */
export function sortable(columns, sorting, redraw) {
  return columns.map((c) => {
    if (!c.value) return c;
    const active = sorting.key === c.key;
    return { ...c, sorted: active ? (sorting.down ? 'descending' : 'ascending') : undefined,
      button: h('button', { type: 'button', class: 'sort', 'data-key': `sort-${c.key}`, onclick: () => {
        sorting.down = active ? !sorting.down : Boolean(c.num);
        sorting.key = c.key;
        redraw();
      } }, c.name, h('span', { class: 'arrow', 'aria-hidden': 'true' }, active ? (sorting.down ? '↓' : '↑') : '')) };
  });
}

export function sorted(rows, columns, sorting) {
  const { value } = columns.find((c) => c.key === sorting.key) ?? {};
  if (!value) return rows;
  const sign = sorting.down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const x = value(a), y = value(b);
    return sign * (typeof x === 'number' ? x - y : String(x).localeCompare(String(y)));
  });
}
