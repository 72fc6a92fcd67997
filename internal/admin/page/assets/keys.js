// Keyboard shortcuts. Single letters act only outside of fields and without modifiers, so that they override neither the browser nor a screen reader.

import { openHelp } from './dialogs.js';

export const everywhere = [
  ['1 … 7', 'sections, in the order of the menu'],
  ['/', 'focus the filter'],
  ['r', 'reload the data'],
  ['?', 'this help'],
  ['Esc', 'close; leave a field; end a selection'],
];

const typing = (target) => target instanceof HTMLElement && (target.isContentEditable || target.matches('input, textarea, select'));

export function keys(context, names) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || document.querySelector('dialog[open]')) return;
    if (typing(event.target)) {
      if (event.key === 'Escape') { event.target.blur(); context.main.focus({ preventScroll: true }); }
      return;
    }
    const at = Number(event.key) - 1;
    if (names[at] && event.key.length === 1) context.go(names[at]);
    else if (event.key === '?') openHelp(context.view);
    else if (event.key === 'r') context.refresh();
    else if (event.key === '/') {
      const filter = context.main.querySelector('[data-filter]');
      if (!filter) return;
      filter.focus();
      filter.select?.();
    } else if (!context.view.key?.(context, event)) return;
    event.preventDefault();
  });
}

/**
 * Makes a list one tab stop: arrows, Home and End move between the elements that match the selector, Tab leaves. Call it once per container.
 */
export function roving(container, selector) {
  const items = () => [...container.querySelectorAll(selector)];
  const select = (item) => {
    for (const other of items()) other.tabIndex = other === item ? 0 : -1;
  };
  container.addEventListener('focusin', (event) => {
    const item = event.target.closest?.(selector);
    if (item) select(item);
  });
  container.addEventListener('keydown', (event) => {
    const all = items();
    const at = all.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    all[Math.max(0, Math.min(to, all.length - 1))].focus();
  });
  return {
    /** Call it after drawing, so that Tab reaches exactly one item. */
    drawn() {
      const all = items();
      if (all.length > 0 && !all.some((i) => i.tabIndex === 0)) all[0].tabIndex = 0;
    },
    move(by) {
      const all = items();
      const at = all.findIndex((i) => i === document.activeElement);
      const start = at < 0 ? (by > 0 ? -1 : all.length) : at;
      all[Math.max(0, Math.min(start + by, all.length - 1))]?.focus();
    },
  };
}
