// One alert by its id: where the links of messages lead.

import { errorLines, get, instance } from './api.js';
import { detail } from './alert.js';
import { actions, silence, tryLine } from './alerts.js';
import { empty, h, replace, toast } from './dom.js';
import { alertsOf } from './model.js';

export const title = 'Alert';
export const plainTitle = true;
export const keyHelp = [['s', 'silence the rule and workload of the alert'], ['t', 'try the alert’s line']];

export function show(context) {
  context.ui = { alert: h('div') };
  context.main.append(h('p', null, h('a', { href: '#/alerts', 'data-key': 'all-alerts' }, '← All alerts')), context.ui.alert);
}

export async function load(context) {
  const { id } = context;
  let alert;
  try {
    [alert] = alertsOf({ alerts: [await get(`/api/v1/alerts/${encodeURIComponent(id)}`)] }).alerts;
  } catch (error) {
    if (error.status !== 404) throw error;
    if (elsewhere(context, id)) return;
  }
  if (context.id !== id) return;
  context.data.one = alert;
  replace(context.ui.alert, alert ? panel(context, alert) : empty('This alert is not stored any more', 'Its message is all that is left: the store keeps the newest alerts.'));
}

// The instances that were asked for an alert: a link does not name one.
const asked = new Set();

/** Asks the next instance of this listener for the alert. */
function elsewhere(context, id) {
  asked.add(`${instance()} ${id}`);
  const next = context.instances.find((i) => !asked.has(`${i.id} ${id}`) && context.instances.length > 1);
  if (next) context.choose(next.id);
  return next;
}

function panel(context, alert) {
  return h('section', { class: `panel one ${alert.severity}`, 'aria-labelledby': 'alert-title' },
    h('h2', { id: 'alert-title' }, h('span', { class: `severity ${alert.severity}` }, alert.severity), ' ', alert.rule),
    alert.summary && h('p', { class: 'would' }, alert.summary),
    detail(alert, 'detail', actions(context, alert, alert.id)));
}

export function key(context, event) {
  const alert = context.data.one;
  if (!alert || !['s', 't'].includes(event.key)) return false;
  if (event.key === 't') tryLine(context, alert);
  else silence(context, alert).catch((error) => toast(errorLines(error).join(' '), true));
  return true;
}
