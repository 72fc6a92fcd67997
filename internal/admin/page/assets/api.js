// Calls the API: sessions, problem details, and streams that reconnect.

// The cookie identifies the browser. The key proves that a request comes from this page, because browsers send the cookie to every port of the host.
const keyHeader = 'Fluentbit-Trigger-Key', keyName = 'fluentbit-trigger.key';

// Where the login leads back to, so that a link to an alert opens it after the login.
const returnName = 'fluentbit-trigger.return';

export class Problem extends Error {
  constructor(status, title, detail, errors) {
    super(detail || title || `unexpected response: ${status}`);
    this.status = status;
    this.errors = errors ?? [];
  }
}

/** A response that arrived after the user had switched to another instance. It must not be shown. */
export class OtherInstance extends Error {
  constructor() { super('The response belongs to another instance.'); }
}

/** The message and the errors behind it, one per line. Errors that the message contains already are left out. */
export const errorLines = (error) => [error.message, ...(error.errors ?? []).filter((e) => !error.message.includes(e.detail)).map((e) => [e.field, e.detail].filter(Boolean).join(': '))];

const state = { instance: '' };

export function setInstance(id) { state.instance = id; }
export const instance = () => state.instance;

function address(path, query) {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== '') all.set(name, value);
  if (state.instance) all.set('instance', state.instance);
  const text = all.toString();
  return text ? `${path}?${text}` : path;
}

async function send(path, options) {
  const headers = { ...options.headers };
  const key = localStorage.getItem(keyName);
  if (key) headers[keyHeader] = key;
  const response = await fetch(path, { ...options, headers, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  if (response.status !== 401) return response;
  sessionStorage.setItem(returnName, location.hash);
  location.assign('/login');
  return new Promise(() => {}); // the browser leaves the page
}

/** Ends the session of this browser. */
export async function logout() {
  await call('POST', '/logout');
  localStorage.removeItem(keyName);
  location.assign('/login');
}

async function problemOf(response) {
  let p = {};
  try { p = await response.json(); } catch { /* not problem details */ }
  return new Problem(response.status, p.title ?? `unexpected response: ${response.status} ${response.statusText}`, p.detail, p.errors);
}

/** Makes one call and resolves to {body, etag}. */
export async function call(method, path, { query, body, match, patch } = {}) {
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = patch ? 'application/merge-patch+json' : 'application/json';
  if (match) headers['If-Match'] = match;
  const asked = state.instance;
  let response;
  try {
    response = await send(address(path, query), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (asked !== state.instance) throw new OtherInstance();
    if (error instanceof Problem) throw error;
    throw new Problem(0, 'No response from the server. Is it running?');
  }
  const problem = response.ok ? undefined : await problemOf(response);
  const text = response.ok ? await response.text() : '';
  if (asked !== state.instance) throw new OtherInstance();
  if (problem) throw problem;
  return { body: text ? JSON.parse(text) : undefined, etag: response.headers.get('ETag') };
}

export const get = async (path, query) => (await call('GET', path, { query })).body;

/** Like get, but resolves to {} for a path that an older server does not have. */
export const getIfAny = (path, query) => get(path, query).catch((error) => {
  if (error.status === 404) return {};
  throw error;
});

const maxEvent = 1 << 20;

/**
 * Reads server-sent events until the signal aborts (EventSource cannot send headers). Calls onState with live, reconnecting or refused. Reconnects after
 * 1 to 30 seconds, and continues after the last event received.
 */
export async function stream(path, { query, onEvent, onState, signal }) {
  let lastID = '', wait = 1000;
  while (!signal.aborted) {
    try {
      const headers = { Accept: 'text/event-stream' };
      if (lastID) headers['Last-Event-ID'] = lastID;
      const response = await send(address(path, query), { headers, signal });
      if (!response.ok) throw await problemOf(response);
      onState('live');
      wait = 1000;
      await read(response.body, (event) => {
        if (event.id) lastID = event.id;
        if (event.data) onEvent(event);
      }, (ms) => { wait = ms; });
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 403) { onState('refused', error); return; }
    }
    if (signal.aborted) return;
    onState('reconnecting');
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, wait);
      signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
    });
    wait = Math.min(wait * 2, 30000);
  }
}

async function read(body, onEvent, onRetry) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '', event = {};
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    if (rest.length > maxEvent) throw new Error('event too long');
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      const cut = line.indexOf(':');
      const name = cut < 0 ? line : line.slice(0, cut);
      const text = cut < 0 ? '' : line.slice(cut + 1).replace(/^ /, '');
      if (line === '') { onEvent(event); event = {}; }
      else if (name === 'data') event.data = event.data === undefined ? text : `${event.data}\n${text}`;
      else if (name === 'id') event.id = text;
      else if (name === 'event') event.name = text;
      else if (name === 'retry' && /^\d+$/.test(text)) onRetry(Math.min(Number(text), 30000));
    }
  }
}
