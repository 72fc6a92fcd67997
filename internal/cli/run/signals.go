package run

import (
	"os"
	"os/signal"
	"syscall"
)

// signals are those that run listens to, each by its meaning.
type signals struct {
	stop, reload chan os.Signal
}

// catchSignals listens to SIGTERM and SIGINT, which stop, and to SIGHUP, which stops or reloads.
func catchSignals(hangupEnds bool) *signals {
	s := &signals{stop: make(chan os.Signal, 4), reload: make(chan os.Signal, 4)}
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT)
	if hangupEnds {
		signal.Notify(s.stop, syscall.SIGHUP)
	} else {
		signal.Notify(s.reload, syscall.SIGHUP)
	}
	return s
}

// release stops listening.
func (s *signals) release() {
	signal.Stop(s.stop)
	signal.Stop(s.reload)
}

// hangupEnds reports whether SIGHUP says that the terminal of this process was closed. It must be asked before catchSignals.
//
// It does not where the process has no controlling terminal (a service, setsid, a container without -t), where whoever started it has SIGHUP
// ignored (nohup), and where init did: a terminal that an init hands to its service (docker run -t, with or without --init; StandardInput=tty of
// systemd) is not closed by a user, and SIGHUP is then what a supervisor sends for a reload.
func hangupEnds() bool {
	if signal.Ignored(syscall.SIGHUP) || os.Getpid() == 1 || os.Getppid() == 1 {
		return false
	}
	terminal, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	_ = terminal.Close()
	return true
}
