// Command logs writes errors, or ordinary lines, to a logger: logs LOGGER WHAT.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/rs/zerolog"
	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

type logger interface {
	log(level, text string, err error)
}

type slogger struct{ *slog.Logger }

func (l slogger) log(level, text string, err error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError, "fatal": slog.LevelError + 4}
	if err != nil {
		l.Log(context.Background(), levels[level], text, "err", err)
		return
	}
	l.Log(context.Background(), levels[level], text)
}

type zapper struct{ *zap.Logger }

func (l zapper) log(level, text string, err error) {
	parsed, _ := zapcore.ParseLevel(level)
	var fields []zap.Field
	if err != nil {
		fields = append(fields, zap.Error(err))
	}
	l.Log(parsed, text, fields...)
}

type zero struct{ zerolog.Logger }

func (l zero) log(level, text string, err error) {
	parsed, _ := zerolog.ParseLevel(level)
	l.WithLevel(parsed).Err(err).Msg(text)
}

type rus struct{ *logrus.Logger }

func (l rus) log(level, text string, err error) {
	parsed, _ := logrus.ParseLevel(level)
	e := logrus.NewEntry(l.Logger)
	if err != nil {
		e = e.WithError(err)
	}
	l.ExitFunc = func(int) {}
	e.Log(parsed, text)
}

type k struct{}

func (k) log(level, text string, err error) {
	switch {
	case err != nil:
		klog.ErrorS(err, text)
	case level == "error":
		klog.Error(text)
	case level == "fatal":
		klog.Fatal(text)
	case level == "warn":
		klog.Warning(text)
	default:
		klog.Info(text)
	}
}

func newZap(c zap.Config) logger {
	c.Level = zap.NewAtomicLevelAt(zap.DebugLevel)
	l, err := c.Build()
	if err != nil {
		panic(err)
	}
	return zapper{l}
}

func main() {
	loggers := map[string]func() logger{
		"slog_text": func() logger {
			return slogger{slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		},
		"slog_json": func() logger {
			return slogger{slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))}
		},
		"slog_default": func() logger { slog.SetLogLoggerLevel(slog.LevelDebug); return slogger{slog.Default()} },
		"zap_json":     func() logger { return newZap(zap.NewProductionConfig()) },
		"zap_console":  func() logger { return newZap(zap.NewDevelopmentConfig()) },
		"zap_colour": func() logger {
			c := zap.NewDevelopmentConfig()
			c.EncoderConfig.EncodeLevel = zapcore.CapitalColorLevelEncoder
			return newZap(c)
		},
		"zerolog_json": func() logger { return zero{zerolog.New(os.Stderr).With().Timestamp().Logger()} },
		"zerolog_console": func() logger {
			return zero{zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, NoColor: true}).With().Timestamp().Logger()}
		},
		"zerolog_colour": func() logger {
			return zero{zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr}).With().Timestamp().Logger()}
		},
		"logrus_text": func() logger { l := logrus.New(); l.SetLevel(logrus.DebugLevel); return rus{l} },
		"logrus_json": func() logger {
			l := logrus.New()
			l.SetLevel(logrus.DebugLevel)
			l.SetFormatter(&logrus.JSONFormatter{})
			return rus{l}
		},
		"logrus_colour": func() logger {
			l := logrus.New()
			l.SetLevel(logrus.DebugLevel)
			l.SetFormatter(&logrus.TextFormatter{ForceColors: true})
			return rus{l}
		},
		"klog": func() logger { return k{} },
	}
	l := loggers[os.Args[1]]()
	switch os.Args[2] {
	case "error":
		l.log("info", "order received", nil)
		l.log("error", "cannot charge card of order 4711", fmt.Errorf("charge: %w", errors.New("gateway answered 502")))
	case "plain":
		l.log("error", "cannot charge card of order 4711: gateway answered 502", nil)
	case "fatal":
		l.log("fatal", "no database: giving up", nil)
	case "panic":
		if z, ok := l.(zapper); ok {
			z.Panic("invariant is broken")
		}
		if z, ok := l.(zero); ok {
			z.Panic().Msg("invariant is broken")
		}
		l.log("panic", "invariant is broken", nil)
	case "ordinary":
		for _, line := range [][2]string{
			{"debug", "retry 1 of 3: connection refused"}, {"debug", "GET /api/errors?level=error 200 12ms"}, {"info", "batch done: 120 rows, error=0, failed=0"},
			{"info", "0 errors, 0 warnings"}, {"info", "registered handler for panic: none"}, {"info", "loaded 3 error pages from /srv/app/errors/500.html"},
			{"info", "test TestErrorIsReturned passed"}, {"info", "level changed from ERROR to FATAL"}, {"info", "last fatal error: none"}, {"info", "listening on :8080"},
			{"info", "level=error is what alerts"}, {"info", "{\"level\":\"error\"}"}, {"warn", "slow query: 1203 ms, no error"}, {"warn", "retrying in 5s: context deadline exceeded"}, {"warn", "error budget is at 87 %"},
		} {
			l.log(line[0], line[1], nil)
		}
	}
	klog.Flush()
}
