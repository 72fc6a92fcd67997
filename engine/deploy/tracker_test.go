package deploy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

const t0 = int64(1_767_225_600 * time.Second)

// stage plays lines of containers to a tracker, each on time.
type stage struct {
	*testing.T
	*Tracker
	now    int64
	alerts []model.Alert
}

func newStage(t *testing.T, compare time.Duration) *stage {
	s := &stage{T: t, Tracker: NewTracker(), now: t0}
	s.Adopt(Settings{Compare: compare, Severity: model.SeverityWarning})
	return s
}

// source returns the source of a container "name image", or "name image@digest".
func source(name, image string) *model.Source {
	image, id, _ := strings.Cut(image, "@")
	return &model.Source{Kind: "log", Workload: "shop/api", Container: model.Container{ID: name, Name: "shop-" + name, Image: image, ImageID: id}}
}

// line has a container write some lines, the last of them now.
func (s *stage) line(name, image string, n int64) *model.Source {
	from := source(name, image)
	s.alerts = s.Advance(s.now, s.alerts)
	s.Source(from, s.now, s.now)
	s.Lines(from, n, s.now, s.now)
	return from
}

func (s *stage) pass(d time.Duration) {
	s.now += int64(d)
	s.alerts = s.Advance(s.now, s.alerts)
}

// present returns the image that the workload runs, and since when, relative to t0.
func (s *stage) present() string {
	im := s.Of(&model.Source{Workload: "shop/api"})
	since := "?"
	if im.Since != 0 {
		since = time.Duration(im.Since - t0).String()
	}
	return im.Name + im.ID + " " + since
}

func (s *stage) want(present string, deploys int64) {
	s.Helper()
	if got := s.present(); got != present || s.Stats().Deploys != deploys {
		s.Errorf("the workload runs %q after %d deploys, want %q and %d", got, s.Stats().Deploys, present, deploys)
	}
}

// TestDeploys has the cases that are a deploy, and those that look like one.
func TestDeploys(t *testing.T) {
	for name, play := range map[string]func(s *stage){
		"the first image's age is not known": func(s *stage) {
			s.line("a", "api:1", 1)
			s.want("api:1 ?", 0)
		},
		"another image": func(s *stage) {
			s.line("a", "api:1", 1)
			s.pass(time.Hour)
			s.line("b", "api:2", 1)
			s.want("api:2 1h0m0s", 1)
		},
		"a replica restarts": func(s *stage) {
			s.line("a", "api:1", 1)
			s.line("b", "api:1", 1)
			s.pass(time.Hour)
			s.line("a", "api:1", 1)
			s.line("c", "api:1", 1)
			s.want("api:1 ?", 0)
		},
		"a rolling update runs both at once": func(s *stage) {
			s.line("a", "api:1", 1)
			s.line("b", "api:1", 1)
			s.pass(time.Hour)
			for range 20 { // and a replica of the old image restarts in it
				s.line("c", "api:2", 1)
				s.line("a", "api:1", 1)
				s.pass(20 * time.Second)
				s.line("d", "api:1", 1)
				s.line("e", "api:2", 1)
			}
			s.want("api:2 1h0m0s", 1)
		},
		"an old replica that writes seldom": func(s *stage) {
			s.line("a", "api:1", 1)
			s.line("b", "api:2", 1)
			s.pass(3 * time.Hour)
			s.line("a", "api:1", 1)
			s.want("api:2 0s", 1)
		},
		"a rollback": func(s *stage) {
			s.line("a", "api:1", 1)
			s.pass(time.Hour)
			s.line("b", "api:2", 1)
			s.pass(5 * time.Minute)
			s.line("b", "api:2", 1)
			s.line("c", "api:1", 1)
			s.want("api:1 1h5m0s", 2)
		},
		"a rollback within a minute is noticed when the other image is quiet": func(s *stage) {
			s.line("a", "api:1", 1)
			s.line("b", "api:2", 1)
			s.pass(20 * time.Second)
			s.line("c", "api:1", 1)
			s.want("api:2 0s", 1)
			for range 12 {
				s.pass(time.Minute)
				s.line("c", "api:1", 1)
			}
			s.want("api:1 20s", 2)
		},
		"a tag that names another image": func(s *stage) {
			s.line("a", "api:latest@sha256:1", 1)
			s.pass(time.Minute)
			s.line("b", "api:latest@sha256:2", 1)
			s.want("api:latestsha256:2 1m0s", 1)
		},
		"another tag of the same image": func(s *stage) {
			s.line("a", "api:1@sha256:1", 1)
			s.line("b", "api:latest@sha256:1", 1)
			s.want("api:1sha256:1 ?", 0)
		},
		"records without a digest": func(s *stage) {
			s.line("a", "api:1", 1)
			s.line("a", "api:1@sha256:1", 1)
			s.line("b", "api:1", 1)
			s.want("api:1sha256:1 ?", 0)
		},
		"a container that is known by its name": func(s *stage) {
			for _, image := range []string{"api:1", "api:2", "api:1"} {
				from := source("", image)
				s.Source(from, s.now, s.now)
				s.pass(2 * time.Minute)
			}
			s.want("api:1 4m0s", 2)
		},
		"a sidecar of a pod": func(s *stage) {
			for range 3 {
				for _, of := range [][2]string{{"api", "api:1"}, {"proxy", "envoy:7"}} {
					from := source(of[0], of[1])
					from.Container.Name = "shop/api-5b6d8f9c7d-x2x4k/" + of[0]
					s.Source(from, s.now, s.now)
					s.Lines(from, 1, s.now, s.now)
				}
				s.pass(time.Hour)
			}
			s.want(" ?", 0)
		},
		"a container with another program": func(s *stage) {
			s.line("a", "registry.example.com:5000/shop/api:1", 1)
			s.line("b", "envoy:7", 1)
			s.want(" ?", 0)
			s.line("c", "ghcr.io/shop/api:2", 1)
			s.want(" ?", 1)
		},
		"events and records without an image": func(s *stage) {
			s.line("a", "api:1", 1)
			event := source("z", "api:9")
			event.Kind = model.SourceContainer
			s.Source(event, s.now, s.now)
			s.line("b", "", 1)
			s.want("api:1 ?", 0)
		},
	} {
		t.Run(name, func(t *testing.T) { play(newStage(t, 0)) })
	}
}

// TestReportComparesKinds runs one image for a day and another for a quarter of an hour.
func TestReportComparesKinds(t *testing.T) {
	s := newStage(t, 15*time.Minute)
	hit := func(from *model.Source, template string, n int) {
		for range n {
			s.Hit(from, "errors", []byte(template), s.now)
		}
	}
	for minute := range 24 * 60 {
		from := s.line("a", "shop/api:1.3", 100)
		s.line("b", "shop/api:1.3", 100)
		hit(from, "timeout", 1)
		if minute%3 == 0 {
			hit(from, "fixed", 4)
		}
		if minute == 600 { // an incident
			hit(from, "burst", 5000)
		}
		if minute == 700 {
			hit(from, "seldom", 2)
		}
		hit(from, "same", 2)
		s.pass(time.Minute)
	}
	if len(s.alerts) > 0 {
		t.Fatalf("alerts without a deploy: %+v", s.alerts)
	}
	for minute := range 15 {
		from := s.line("c", "shop/api:1.4", 100)
		s.line("d", "shop/api:1.4", 100)
		hit(from, "timeout", 5)
		hit(from, "same", 2)
		if minute > 2 {
			hit(from, "panic in cart", 1)
		}
		if minute == 3 {
			hit(from, "twice", 2)
			hit(from, "seldom", 1)
		}
		if minute == 14 {
			r, _ := s.Report("shop/api", s.now)
			if r.Verdict != Worse || !r.Running {
				t.Errorf("before the end: %+v", r)
			}
		}
		s.pass(time.Minute)
	}
	if len(s.alerts) != 1 {
		t.Fatalf("%d alerts, want one: %+v", len(s.alerts), s.alerts)
	}
	a := s.alerts[0]
	if want := "shop/api: 1.4 against 1.3: 1 new kind of errors, 1 five times as often, 1 gone"; a.Summary != want {
		t.Errorf("summary %q, want %q", a.Summary, want)
	}
	if want := "new: panic in cart (12, errors)\nfive times as often: timeout (75, 1440 before, errors)\ngone: fixed (1920 before, errors)"; a.Message != want {
		t.Errorf("message\n%s\nwant\n%s", a.Message, want)
	}
	if a.Kind != model.KindDeploy || a.Severity != model.SeverityWarning || a.Count != 0 || a.Deploy.Verdict != "worse" || a.Time != t0+int64(24*time.Hour+15*time.Minute) {
		t.Errorf("%+v", a)
	}
	r, _ := s.Report("shop/api", s.now)
	if r.Verdict != Worse || r.Running || len(r.New) != 1 || len(r.More) != 1 || len(r.Gone) != 1 || len(r.Less) != 0 || r.Counts.Kinds != 7 {
		t.Errorf("%+v", r)
	}
}

// TestVerdicts compares two images of equal length, by how often a kind comes in each of their minutes.
func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(minute int) int // hits in a minute
		lines         [2]int64             // in a minute
		want          Verdict
	}{
		"two against one":          {func(m int) int { return b(m == 3) }, func(m int) int { return b(m == 3 || m == 9) }, [2]int64{10, 10}, Same},
		"the same":                 {func(m int) int { return 3 }, func(m int) int { return 3 }, [2]int64{10, 10}, Same},
		"a burst against singles":  {func(m int) int { return b(m%5 == 0) }, func(m int) int { return 200 * b(m == 9) }, [2]int64{100, 100}, Same},
		"more":                     {func(m int) int { return 1 }, func(m int) int { return 6 }, [2]int64{10, 10}, Worse},
		"more, of as many lines":   {func(m int) int { return 1 }, func(m int) int { return 6 }, [2]int64{10, 60}, Same},
		"the same, of fewer lines": {func(m int) int { return 2 }, func(m int) int { return 2 }, [2]int64{100, 10}, Same},
		"new":                      {func(m int) int { return 0 }, func(m int) int { return b(m%4 == 0) }, [2]int64{10, 10}, Worse},
		"new, once":                {func(m int) int { return 0 }, func(m int) int { return b(m == 4) }, [2]int64{10, 10}, Same},
		"gone":                     {func(m int) int { return 1 }, func(m int) int { return 0 }, [2]int64{10, 10}, Better},
		"less":                     {func(m int) int { return 6 }, func(m int) int { return 1 }, [2]int64{10, 10}, Better},
		"too few lines":            {func(m int) int { return 1 }, func(m int) int { return 1 }, [2]int64{10, 1}, Unknown},
		"no errors":                {func(m int) int { return 0 }, func(m int) int { return 0 }, [2]int64{10, 10}, Same},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 20*time.Minute)
			for i, hits := range []func(int) int{c.before, c.after} {
				for minute := range 20 {
					from := s.line(fmt.Sprint(i), fmt.Sprint("api:", i), c.lines[i])
					for range hits(minute) {
						s.Hit(from, "errors", []byte("x"), s.now)
					}
					s.pass(time.Minute)
				}
			}
			r, ok := s.Report("shop/api", s.now)
			if !ok || r.Verdict != c.want || r.Running {
				t.Errorf("%+v, want %s", r, c.want)
			}
			if alerts := b(c.want != Unknown); len(s.alerts) != alerts {
				t.Errorf("%d alerts, want %d", len(s.alerts), alerts)
			}
		})
	}
}

func b(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// TestNoDifferenceIsSeldomClaimed deploys an image that differs in nothing, often: lines and hits are random, some kinds in bursts.
func TestNoDifferenceIsSeldomClaimed(t *testing.T) {
	claims := 0
	const deploys = 400
	rnd := rand.New(rand.NewPCG(1, 34))
	for range deploys {
		s := newStage(t, 15*time.Minute)
		for i, minutes := range []int{240, 15} {
			for minute := range minutes {
				from := s.line(fmt.Sprint(i), fmt.Sprint("api:", i), 50+rnd.Int64N(100))
				for k := range 20 {
					hits := b(rnd.Float64() < 0.02*float64(k+1))
					if k%5 == 0 && hits > 0 {
						hits = 1 + rnd.IntN(30)
					}
					for range hits {
						s.Hit(from, "errors", fmt.Append(nil, "kind ", k), s.now)
					}
				}
				if minute < minutes-1 {
					s.pass(time.Minute)
				}
			}
		}
		if r, _ := s.Report("shop/api", s.now+int64(time.Minute)); r.Verdict != Same {
			claims++
		}
	}
	if claims > deploys/20 {
		t.Errorf("a difference was claimed for %d of %d deploys without one", claims, deploys)
	}
}

// TestTailIsTheBinomial compares with the sum by definition.
func TestTailIsTheBinomial(t *testing.T) {
	for _, q := range []float64{0.01, 0.3, 0.5, 0.97} {
		for n := range int64(30) {
			terms := make([]float64, n+2)
			for k := n; k >= 0; k-- {
				choose := 1.0
				for i := range k {
					choose *= float64(n-i) / float64(i+1)
				}
				terms[k] = terms[k+1] + choose*math.Pow(q, float64(k))*math.Pow(1-q, float64(n-k))
			}
			for least := range n + 1 {
				want := terms[least]
				if float64(least) <= float64(n)*q {
					want = 1
				}
				if got := tail(least, n, q); math.Abs(got-want) > 1e-9 {
					t.Errorf("tail(%d, %d, %v) is %v, want %v", least, n, q, got, want)
				}
			}
		}
	}
	if got := tail(1_000_000, 1_000_000, 0.01); got != 0 {
		t.Errorf("a chance of %v", got)
	}
}
