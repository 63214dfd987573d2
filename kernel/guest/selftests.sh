#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Runs kselftest programs one after the other, in the machine. A line before and
# after the TAP of each names it and says how it ended.
#
#   selftests.sh FOLDER [SECONDS SUITE/PROGRAM]…
folder=$1
shift

# The first memory cgroup changes the kernel's code, and the end of the last one changes
# it back. An emulated processor may then run a breakpoint that is gone already, which is
# an Oops. So there always is one.
groups=$(mktemp -d)
if mount -t cgroup2 none "$groups"; then
	echo +memory >"$groups/cgroup.subtree_control"
	mkdir "$groups/kept"
	umount "$groups"
fi

while [ $# -gt 0 ]; do
	printf '\n# selftest: %s\n' "$2"
	cd "$folder/${2%/*}" || exit 1
	timeout --kill-after=5 "$1" "./${2##*/}" </dev/null
	printf '\n# selftest: %s ended with %d\n' "$2" $?
	shift 2
done
