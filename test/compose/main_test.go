package compose

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/slow"
)

func TestMain(m *testing.M) { slow.Main(m) }
