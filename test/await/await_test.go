package await

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// ended is a test that notes how it ended.
type ended struct {
	testing.TB
	told string
}

func (e *ended) Helper() {}

func (e *ended) Fatalf(format string, args ...any) {
	e.told = fmt.Sprintf(format, args...)
	panic(e)
}

func TestThatLooksUntilItIsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		That(t, time.Minute, "three seconds have passed", func() bool { return time.Since(begun) >= 3*time.Second })
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestThatTellsWhatWasWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, test := &Log{}, &ended{TB: t}
		_, _ = fmt.Fprint(log, strings.Repeat("x", maxShown), "the end")
		defer func() {
			if recover() != test || !strings.HasPrefix(test.told, "not so within 1m0s: never\n") || !strings.HasSuffix(test.told, "the end") || len(test.told) > maxShown+100 {
				t.Errorf("%d bytes: %.60q", len(test.told), test.told)
			}
		}()
		That(test, time.Minute, "never", func() bool { return false }, log)
	})
}
