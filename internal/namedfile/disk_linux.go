package namedfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// onDisk refuses the file systems whose files the kernel makes up as they are read. Such a file calls itself regular and empty, may wait for
// ever (/proc/kmsg) or do something when it is read.
func onDisk(f *os.File) error {
	var system unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &system); err != nil {
		return err
	}
	switch uint32(system.Type) { //nolint:gosec // the magic numbers have 32 bits
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC:
		return errors.New("is no file on a disk: the kernel makes it up when it is read")
	}
	return nil
}
