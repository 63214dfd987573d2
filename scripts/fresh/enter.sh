#!/bin/sh
# Runs a command in a root file system, with the caches it may use. To be run in
# mount and process namespaces of its own: they end together with the command.
#
#   enter.sh ROOT HOME APT NPM LAB COMMAND…
set -eu
root=$1 home=$2 apt=$3 npm=$4 lab=$5; shift 5
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root$home/.npm" "$root$home/.cache/uring-spawn"
chown --reference="$root$home" "$root$home/.npm" "$root$home/.cache" "$root$home/.cache/uring-spawn"
mount --bind "$apt" "$root/var/cache/apt/archives"
mount --bind "$npm" "$root$home/.npm"
mount --bind "$lab" "$root$home/.cache/uring-spawn"
# Not by exec: this shell is the first process here, and the one that is killed
# with whoever called it. A program that changes its user would not be.
chroot "$root" "$@"
