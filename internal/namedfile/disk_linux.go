package namedfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// onDisk refuses virtual file systems, whose files the kernel generates when they are read. Their files appear regular and empty, and reading one can
// block forever (/proc/kmsg) or have effects.
func onDisk(f *os.File) error {
	var system unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &system); err != nil {
		return err
	}
	switch uint32(system.Type) { //nolint:gosec // the magic numbers have 32 bits
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC:
		return errors.New("is a virtual file of the kernel, not a file on a disk")
	}
	return nil
}
