package examples

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// listening says whether the forward input takes connections.
func (s *shipped) listening(*pluginhost.Log) bool {
	c, err := net.DialTimeout("tcp", s.address(), time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func (s *shipped) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// forward sends records as Docker's fluentd driver does with sub-second times: [tag, time, record, options], one message each.
func (s *shipped) forward(t *testing.T, records ...chunktest.Map) {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.address(), patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		now := time.Now()
		sec, nsec := uint32(now.Unix()), uint32(now.Nanosecond())
		stamp := chunktest.Ext{Type: 0, Data: []byte{
			byte(sec >> 24), byte(sec >> 16), byte(sec >> 8), byte(sec), byte(nsec >> 24), byte(nsec >> 16), byte(nsec >> 8), byte(nsec),
		}}
		if _, err := c.Write(chunktest.Append(nil, []any{"docker.shop_api_1", stamp, record, chunktest.Map{}})); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// line is a record of Docker's fluentd driver, with the labels that the compose file asks for.
func line(service, stream, text string, more ...chunktest.Pair) chunktest.Map {
	return append(chunktest.Map{
		{Key: "container_id", Value: "4f5e0c2d1b3a" + "00112233445566778899aabbccddeeff00112233445566778899"},
		{Key: "container_name", Value: "/shop_" + service + "_1"},
		{Key: "source", Value: stream},
		{Key: "log", Value: text},
		{Key: "com.docker.compose.project", Value: "shop"},
		{Key: "com.docker.compose.service", Value: service},
	}, more...)
}
