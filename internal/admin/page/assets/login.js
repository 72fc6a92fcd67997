// Logs a browser in with the code of a link or with a token. Only a click uses up the code, so previews and link scanners do not.

const keyHeader = 'Fluentbit-Trigger-Key', keyName = 'fluentbit-trigger.key', returnName = 'fluentbit-trigger.return';
const at = (id) => document.getElementById(id);

const part = /^#\/[\w./-]+$/;
let code = location.hash.slice(1);
if (part.test(location.hash)) { // of the page: a link of a message came from another site, so without the cookie, and was led here
  sessionStorage.setItem(returnName, location.hash);
  code = '';
}
history.replaceState(null, '', location.pathname); // keeps the code out of the history and of screenshots

/** Leads to the part of the page that asked for the login. */
function enter() {
  const wanted = sessionStorage.getItem(returnName) ?? '';
  sessionStorage.removeItem(returnName);
  location.replace(part.test(wanted) ? `/${wanted}` : '/');
}

/** Reports whether this browser is logged in. Links from other sites arrive without the cookie. */
async function known() {
  const key = localStorage.getItem(keyName);
  if (!key) return false;
  const response = await fetch('/api/v1/instances', { headers: { [keyHeader]: key }, cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  return response.ok;
}

function ask() {
  at('form').hidden = false;
  at('by-code').hidden = !code;
  at('by-token').hidden = at('how').hidden = Boolean(code);
  (code ? at('submit') : at('token')).focus();
}

async function login() {
  const body = code ? { code } : { token: at('token').value.trim() };
  const response = await fetch('/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), cache: 'no-store', credentials: 'same-origin', redirect: 'error' });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail ?? answer.title);
  localStorage.setItem(keyName, answer.key);
  enter();
}

at('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  at('submit').disabled = true;
  at('wrong').textContent = '';
  try {
    await login();
  } catch (error) {
    at('wrong').textContent = error.message;
    code = ''; // a code that failed once never works again
    ask();
  } finally {
    at('submit').disabled = false;
  }
});

known().then((already) => {
  if (already) enter();
  else ask();
}, ask);
