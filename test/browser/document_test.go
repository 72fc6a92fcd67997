package browser

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// readAll calls each function of model.js that reads a response with a sample made from the schema of the OpenAPI document, and returns the fields that it
// read though the schema does not have them. What the page sends is held to the schemas in the same way. Objects that the document leaves open, such as
// the settings of rules, may have any field.
const readAll = `(async () => {
  const key = { 'Fluentbit-Trigger-Key': localStorage.getItem('fluentbit-trigger.key') };
  const document = await (await fetch('/api/v1/openapi.json', { headers: key })).json();
  const model = await import('/model.js');
  const wrong = [];
  const sample = (schema, path) => {
    if (schema.type === 'array') return guard([sample(schema.items, path + '[]')], schema, path);
    if (schema.type === 'object') {
      const object = {};
      for (const [name, of] of Object.entries(schema.properties ?? {})) object[name] = sample(of, path + '.' + name);
      return guard(object, schema, path);
    }
    return { string: '2026-11-29T12:00:00Z', integer: 1, number: 1.5, boolean: true }[schema.type];
  };
  const guard = (value, schema, path) => (schema.type === 'object' && schema.additionalProperties !== false ? value : new Proxy(value, {
    get(target, name) {
      if (typeof name === 'string' && !(name in target)) wrong.push(path + '.' + name);
      return target[name];
    },
  }));
  const operation = (method, path) => document.paths[path][method];
  const answer = (method, path) => sample(operation(method, path).responses['200'].content['application/json'].schema, method + ' ' + path);
  const sent = (method, path, body) => {
    const { properties } = operation(method, path).requestBody.content['application/json'].schema;
    for (const name of Object.keys(body)) if (!(name in properties)) wrong.push(method + ' ' + path + ' is sent ' + name);
  };
  const stats = () => answer('get', '/api/v1/stats');
  const page = answer('get', '/api/v1/alerts');
  page.alerts[0].alert = { id: 'al_1' }; // the document leaves alerts open
  model.alertsOf(page);
  const grouped = answer('get', '/api/v1/problems');
  grouped.problems[0].latest.alert = { id: 'al_1' };
  model.problemsOf(grouped);
  model.instancesOf(answer('get', '/api/v1/instances'));
  const counters = model.statsOf(stats());
  model.fleetOf(answer('get', '/api/v1/fleet'));
  model.workloadsOf(answer('get', '/api/v1/workloads'));
  model.otherWorkloadsOf(answer('get', '/api/v1/workloads'));
  model.followedOf(answer('get', '/api/v1/containers'));
  model.rulesOf(answer('get', '/api/v1/rules'), counters);
  model.triggersOf(answer('get', '/api/v1/triggers'), stats());
  model.explanationOf(answer('post', '/api/v1/explain'));
  model.testOf(answer('post', '/api/v1/triggers/{name}/test'), String);
  const [letter] = model.deadLettersOf(answer('get', '/api/v1/dead-letters')).list;
  model.silencesOf(answer('get', '/api/v1/silences'));
  model.auditOf(answer('get', '/api/v1/audit'));
  model.backtestOf(answer('post', '/api/v1/rules/backtest'));
  sent('post', '/api/v1/rules/backtest', model.backtestBody({ name: 'x' }));
  sent('post', '/api/v1/explain', model.explainBody({ line: 'x', workload: 'x', stream: 'stdout' }));
  sent('post', '/api/v1/silences', model.silenceBody({ rule: 'x', workload: 'x', container: 'x', message: 'x', severity: ['error'], comment: 'x', minutes: 1 }));
  sent('post', '/api/v1/silences', model.silenceBody({ severity: [], minutes: 0, where: 'host = x, label.team = y', every: 'sun 02:00-04:00; weekdays', zone: 'Europe/Berlin' }));
  model.redeliveredOf(answer('post', '/api/v1/dead-letters/redeliver'));
  model.droppedOf(answer('post', '/api/v1/dead-letters/drop'));
  for (const one of [undefined, letter]) {
    model.redeliverCall((method, path, { body }) => sent(method.toLowerCase(), path, body), one);
    model.dropCall((method, path, { body }) => sent(method.toLowerCase(), path, body), one);
  }
  return JSON.stringify([...new Set(wrong)]);
})()`

// TestThePageReadsWhatTheDocumentHas finds fields that the page reads or sends and the API does not have.
func TestThePageReadsWhatTheDocumentHas(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, false)
	b := openTab(t, 1280, 900, false)
	b.logIn(r)
	b.shows("#live", "live")
	var text string
	b.run(chromedp.Evaluate(readAll, &text, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	var wrong []string
	if err := json.Unmarshal([]byte(text), &wrong); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, field := range wrong {
		t.Errorf("the document does not have %s", field)
	}
}
