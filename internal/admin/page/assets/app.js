// Entry point: sections, keys, the stream of alerts, and the state that all views share.

import { call, get, instance, logout, setInstance, stream } from './api.js';
import { openHelp } from './dialogs.js';
import { h, replace, visible } from './dom.js';
import { keys } from './keys.js';
import { alertOf, instancesOf } from './model.js';
import * as alerts from './alerts.js';
import * as audit from './audit.js';
import * as containers from './containers.js';
import * as editor from './editor.js';
import * as one from './one.js';
import * as rules from './rules.js';
import * as silences from './silences.js';
import * as triggers from './triggers.js';
import * as line from './try.js';

// In the order of the menu.
const views = { alerts, containers, rules, triggers, silences, try: line, audit };
const refreshEvery = 5000;

const main = document.getElementById('main');
const live = document.getElementById('live');
const trouble = document.getElementById('trouble');

/** Passed to every view. data survives a change of the view. */
const context = { main, name: '', view: undefined, id: undefined, instances: [], data: {}, go, refresh, fail, well, warn, choose };
let timer, streaming;

function go(name, argument) {
  if (argument !== undefined) context.data[`${name}-argument`] = argument;
  if (location.hash === `#/${name}`) show();
  else location.hash = `/${name}`;
}

/** Shows an error above the view, which keeps its content. */
function fail(error) {
  trouble.hidden = false;
  if (trouble.textContent !== visible(error.message)) trouble.textContent = visible(error.message);
}

function well() {
  if (!trouble.hidden) { trouble.hidden = true; trouble.textContent = ''; }
}

/** Shows the instance's warnings above every view. */
function warn(list) {
  const place = document.getElementById('warnings');
  place.hidden = list.length === 0;
  if (place.dataset.shown === list.join('\n')) return;
  place.dataset.shown = list.join('\n');
  replace(place, list.map((text) => h('li', null, text)));
}

async function refresh() {
  clearTimeout(timer);
  const asked = context.name, of = instance();
  const same = () => asked === context.name && of === instance(); // otherwise a newer refresh is responsible
  if (!document.hidden) {
    try {
      await context.view.load(context);
      if (same()) well();
    } catch (error) {
      if (same()) fail(error);
    }
  }
  if (same()) {
    clearTimeout(timer);
    timer = setTimeout(refresh, refreshEvery);
  }
}

/** #/rules → the rules, #/alerts/ID → one alert. Links of alerts lead to the latter, so its form stays as it is. */
function place() {
  const [, name, id] = /^#\/([a-z]+)(?:\/([\w.-]+))?$/.exec(location.hash) ?? [];
  if (name === 'alerts' && id) return { name, id, view: one };
  if (['rules', 'triggers'].includes(name) && id === 'edit') return { name, id, view: editor };
  return Object.hasOwn(views, name) ? { name, view: views[name] } : { name: 'alerts', view: alerts };
}

/** Shows the view that the address names. */
function show(event) {
  if (location.hash === '#main') return; // the skip link
  const { name, id, view } = place();
  context.view?.leave?.(context);
  context.name = view === one ? 'alert' : view === editor ? 'edit' : name;
  context.view = view;
  context.id = id;
  document.title = `${view.title} · fluentbit-trigger`;
  for (const link of document.querySelectorAll('nav [data-view]')) {
    if (link.dataset.view === name) { link.setAttribute('aria-current', 'page'); link.scrollIntoView({ block: 'nearest', inline: 'nearest' }); }
    else link.removeAttribute('aria-current');
  }
  main.className = `view-${context.name}`;
  replace(main, h('h1', { class: view.plainTitle ? 'unseen' : undefined }, view.title));
  view.show(context);
  if (event) main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  refresh();
}

function setLive(state, error) {
  live.dataset.state = state;
  const words = { live: 'live', connecting: 'connecting', reconnecting: 'reconnecting', refused: 'not allowed to read alerts' };
  if (live.textContent !== words[state]) live.textContent = words[state];
  live.title = error?.message ?? '';
}

function follow() {
  streaming?.abort();
  const { signal } = (streaming = new AbortController());
  setLive('connecting');
  stream('/api/v1/alerts/stream', {
    signal,
    onState: (state, error) => {
      if (signal.aborted) return;
      setLive(state, error);
      if (state === 'live') alerts.caughtUp(context); // for alerts between the list and the start of the stream
    },
    onEvent: (event) => {
      if (signal.aborted) return;
      if (event.name === 'gap') { alerts.caughtUp(context); return; }
      let alert;
      try { alert = alertOf(JSON.parse(event.data), event.id); } catch { return; }
      if (alert) alerts.arrived(context, alert);
    },
  });
}

/** Fills the menu of instances, which is shown if there are several. */
async function instances() {
  const list = context.instances = instancesOf(await get('/api/v1/instances'));
  const choice = document.getElementById('instance');
  choice.replaceChildren(...list.map((i) => h('option', { value: i.id }, i.id)));
  choice.closest('label').hidden = list.length < 2;
  if (list.length > 1) {
    setInstance(list[0].id);
    refresh();
  }
  choice.addEventListener('change', () => choose(choice.value));
}

/** Shows another instance. */
function choose(id) {
  document.getElementById('instance').value = id;
  setInstance(id);
  context.data = {}; // it belongs to the previous instance
  follow();
  show();
}

document.getElementById('help').addEventListener('click', () => openHelp(context.view));
document.getElementById('logout').addEventListener('click', () => logout().catch(fail));
window.addEventListener('hashchange', show);
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
keys(context, Object.keys(views));

async function start() {
  try {
    await instances();
    well();
  } catch (error) {
    fail(error);
    if (error.status === 0) setTimeout(start, 3000);
  }
}

context.call = call;
context.instance = instance;
show();
start().then(follow);
