// The checklist of a first run: what is needed before anybody is alerted, with a button for each step. It goes when everything is done.

import { edit } from './editor.js';
import { h, toast } from './dom.js';
import { nanos } from './format.js';
import { testOf } from './model.js';

const words = { containers: 'Containers are followed', records: 'Records come from Fluent Bit', rules: 'Rules', triggers: 'Triggers', test: 'A test was sent' };

const most = 3; // buttons for triggers that were not tested

/** What can be done about a step here. */
function buttons(context, item) {
  const button = (key, text, onclick) => h('button', { type: 'button', 'data-key': `step-${key}`, onclick }, text);
  switch (item.name) {
    case 'containers': return h('a', { href: '#/containers', 'data-key': 'step-containers' }, 'See why');
    case 'rules': return button('rules', 'New rule…', () => edit(context, { kind: 'rule' }));
    case 'triggers': return button('triggers', 'New trigger…', () => edit(context, { kind: 'trigger' }));
    case 'test': return item.triggers.slice(0, most).map((name) => button(`test-${name}`, `Send a test to ${name}`, (event) => test(context, name, event.currentTarget)));
  }
  return undefined;
}

async function test(context, name, button) {
  button.disabled = true;
  try {
    const { good, text } = testOf((await context.call('POST', `/api/v1/triggers/${encodeURIComponent(name)}/test`, { body: {} })).body, nanos);
    toast(`Test to ${name}: ${text}`, !good);
  } catch (error) { toast(error.message, true); }
  await context.refresh();
  button.disabled = false;
}

/** The panel, or nothing if every step is done. */
export function checklist(context, items) {
  if (items.every((item) => item.done)) return undefined;
  return h('section', { class: 'panel checklist', 'aria-labelledby': 'checklist-title' },
    h('h2', { id: 'checklist-title' }, 'First steps', h('span', { class: 'minor' }, ` ${items.filter((item) => item.done).length} of ${items.length} done`)),
    h('ol', null, items.map((item) => h('li', { class: item.done ? 'done' : undefined },
      h('span', { class: 'step' }, h('span', { class: item.done ? 'good' : 'warn', 'aria-hidden': 'true' }, item.done ? '✓ ' : '○ '), words[item.name] ?? item.name, h('span', { class: 'unseen' }, item.done ? ', done' : ', to do')),
      h('span', { class: 'minor' }, item.detail), !item.done && h('span', { class: 'buttons' }, buttons(context, item)), !item.done && item.hint && h('code', { class: 'minor' }, item.hint)))));
}
