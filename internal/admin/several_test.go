package admin

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// newPair starts the instances "one" and "two", each of a file of its own, which listen at one place.
func newPair(t *testing.T) *bench {
	b := &bench{t: t, dir: t.TempDir(), log: &await.Log{}, stores: &store.Registry{}, registry: NewRegistry(Options{}), client: &http.Client{}, token: token}
	b.writePair("one.example")
	t.Cleanup(b.registry.Close)
	for _, id := range []string{"one", "two"} {
		if _, err := b.attach(id, b.fileOf(id)); err != nil {
			t.Fatal(err)
		}
	}
	b.meet()
	return b
}

// attach starts an instance of a file beside the bench's own, and stops it with the test.
func (b *bench) attach(id, file string) (*Instance, error) {
	b.t.Helper()
	p, err := pipeline.New(pipeline.Options{ID: id, Sources: config.Sources{Files: []string{file}}, Stores: b.stores, LogTo: b.log})
	if err != nil {
		b.t.Fatal(err)
	}
	p.Start()
	i := &Instance{Pipeline: p}
	b.t.Cleanup(func() {
		b.registry.Detach(i)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			b.t.Error(err)
		}
	})
	return i, b.registry.Attach(i)
}

func (b *bench) fileOf(id string) string { return filepath.Join(b.dir, id+".toml") }

// writePair writes the files of both, which say the same, with a name by which they may be called.
func (b *bench) writePair(host string) {
	tokens := filepath.Join(b.dir, "tokens")
	b.write(tokens, "operator:"+token+"\n")
	for _, id := range []string{"one", "two"} {
		b.write(b.fileOf(id), fmt.Sprintf("store = \"memory\"\n[admin]\nlisten = \"127.0.0.1:0\"\ntoken_file = %q\nhosts = [%q]\n"+
			"[[rule]]\nname = \"boom\"\npattern = 'boom'\n", tokens, host))
	}
}

// meet takes the address that both listen at now.
func (b *bench) meet() {
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	if d := b.registry.at["two"]; d != nil {
		b.url = "http://" + d.server.Address().String()
	}
}

func (b *bench) instances() (ids []string) {
	for _, i := range listOf(b.get("/api/v1/instances"), "instances") {
		ids = append(ids, fmt.Sprint(i["id"]))
	}
	return ids
}

func TestSeveralInstancesBehindOneListener(t *testing.T) {
	b := newPair(t)
	if ids := b.instances(); fmt.Sprint(ids) != "[one two]" {
		t.Errorf("the instances are %q", ids)
	}
	b.want(404, "GET", rulesPath, nil)
	made := b.want(201, "POST", rulesPath+"?instance=two", map[string]any{"name": "own", "pattern": "x"})
	if at := made.header.Get("Location"); at != rulesPath+"/own?instance=two" {
		t.Errorf("it was made at %s", at)
	} else if got := b.want(200, "GET", at, nil); got.body["name"] != "own" {
		t.Errorf("there is %s", got.text)
	}
	b.want(200, "GET", rulesPath+"/own?instance=two", nil)
	b.want(404, "GET", rulesPath+"/own?instance=one", nil)
}

func TestInstancesMoveOneAfterTheOther(t *testing.T) {
	b := newPair(t)
	b.writePair("other.example")
	for _, id := range []string{"one", "two"} {
		if d := b.registry.at[id]; d != nil { // the file is watched: it may have been read already
			d.get(id).Pipeline.Reload()
		}
	}
	b.eventually("both to listen again", func() bool {
		b.registry.mu.Lock()
		defer b.registry.mu.Unlock()
		one, two := b.registry.at["one"], b.registry.at["two"]
		return one != nil && one == two && one.set.Hosts[0] == "other.example"
	})
	b.meet()
	if ids := b.instances(); fmt.Sprint(ids) != "[one two]" {
		t.Errorf("the instances are %q", ids)
	}
}
