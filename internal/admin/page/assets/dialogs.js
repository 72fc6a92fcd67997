// Dialogs, built on the browser's dialog element: focus stays inside, Escape closes them, and focus returns to the previous element.

import { errorLines } from './api.js';
import { field, h, replace, unique } from './dom.js';
import { everywhere } from './keys.js';
import { keepEnd, nextImage } from './model.js';

/** Opens a dialog. Resolves to the argument of close, or to undefined if the user cancels. */
function open(title, build) {
  return new Promise((resolve) => {
    const id = unique('dialog');
    let result;
    const from = document.activeElement, key = from?.dataset?.key; // the element may be drawn again while the dialog is open
    const dialog = h('dialog', { 'aria-labelledby': id });
    const close = (value) => { result = value; dialog.close(); };
    dialog.append(h('h2', { id }, title), build(close));
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (!from?.isConnected && key) document.querySelector(`main [data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A form that calls save on Enter. If save fails, it shows the error and stays. */
export function form(children, { submit, cancel, save, danger }) {
  const wrong = h('div', { class: 'wrong', role: 'alert' });
  const button = h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, submit);
  const element = h('form', { novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    replace(wrong);
    try {
      await save();
    } catch (error) {
      replace(wrong, errorLines(error).map((line) => h('p', null, line)));
    } finally {
      button.disabled = false;
    }
  } }, children, wrong, h('div', { class: 'buttons' }, cancel && h('button', { type: 'button', onclick: cancel }, 'Cancel'), button));
  return element;
}

/** Asks before an action that cannot be undone. */
export const confirm = (title, text, action) => open(title, (close) => form([h('p', null, text)], {
  submit: action, danger: true, cancel: () => close(false), save: async () => close(true),
}));

const lengths = [['15 minutes', 15], ['1 hour', 60], ['4 hours', 240], ['1 day', 1440], ['1 week', 10080]];

/** Edits the matchers and the duration of a silence, one that exists if it has an id, and saves it. Resolves to true if it was saved. */
export function openSilence(start, create) {
  const known = Boolean(start.id);
  return open(known ? 'Change the silence' : 'Silence', (close) => {
    const input = (name, extra) => h('input', { type: 'text', value: start[name] ?? '', spellcheck: 'false', autocomplete: 'off', ...extra });
    const fields = { rule: input('rule', { autofocus: true }), workload: input('workload'), container: input('container'), message: input('message'), comment: input('comment') };
    const boxes = ['debug', 'info', 'warning', 'error', 'critical'].map((name) => h('input', { type: 'checkbox', id: unique('severity'), value: name, checked: start.severity?.includes(name) }));
    const choice = h('select', null, known && h('option', { value: String(keepEnd), selected: true }, 'as it is'), lengths.map(([words, minutes]) => h('option', { value: String(minutes), selected: !known && minutes === 60 }, words)), h('option', { value: String(nextImage) }, 'until the next image'), h('option', { value: '0' }, 'until I expire it'));
    const more = { where: input('where'), every: input('every'), zone: input('zone', { value: start.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone }) };
    return form([
      h('p', null, 'Hits that match all of these are suppressed until the silence ends. They are counted, and the next alert reports how many there were.'),
      h('div', { class: 'pair' }, field('Rule', fields.rule, 'a glob, such as http-*'), field('Workload', fields.workload, 'a glob, such as shop/*')),
      h('div', { class: 'pair' }, field('Container', fields.container, 'a glob of the name'), field('Message', fields.message, 'a regular expression')),
      h('fieldset', null, h('legend', null, 'Severity'), boxes.map((box) => h('span', { class: 'check' }, box, h('label', { for: box.id }, box.value))),
        h('span', { class: 'hint' }, 'none selected: all')),
      h('div', { class: 'pair' }, field('For', choice), field('Comment', fields.comment, 'the reason, for others')),
      h('details', { open: Boolean(start.where || start.every) }, h('summary', null, 'Conditions and hours'),
        field('Conditions', more.where, 'such as host = /^edge-/, label.team = payments, field.tenant = a'),
        h('div', { class: 'pair' }, field('Hours', more.every, 'such as weekdays 18:00-08:00; sun 02:00-04:00'), field('Time zone of the hours', more.zone))),
    ], { submit: known ? 'Save' : 'Silence', cancel: () => close(false), save: async () => {
      const request = { severity: boxes.filter((b) => b.checked).map((b) => b.value), minutes: Number(choice.value), start };
      for (const [name, control] of Object.entries({ ...fields, ...more })) request[name] = control.value.trim();
      if ((request.minutes === 0 || (request.minutes === keepEnd && !start.until && !start.nextImage)) && !request.every) throw new Error('A silence without hours must have an end.');
      if (!['rule', 'workload', 'container', 'message', 'where'].some((name) => request[name]) && request.severity.length === 0 && !start.key) {
        throw new Error('Set at least one of rule, workload, container, message, severity and conditions.');
      }
      await create(request);
      close(true);
    } });
  });
}

const list = (pairs) => h('dl', { class: 'keys' }, pairs.map(([key, words]) => [h('dt', null, key.split(' ').map((k) => (k === '…' ? ' … ' : h('kbd', null, k)))), h('dd', null, words)]));

export const openHelp = (view) => open('Keys', (close) => h('div', null,
  view.keyHelp && [h('h3', null, view.title), list(view.keyHelp)],
  h('h3', null, 'Everywhere'), list(everywhere),
  h('div', { class: 'buttons' }, h('button', { type: 'button', autofocus: true, onclick: () => close() }, 'Close'))));
