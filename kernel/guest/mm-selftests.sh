#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs the selftests of mm in the machine, in the way of their own run_vmtests.sh, and
# then those that it leaves out. Their output is nested TAP.
#
#   mm-selftests.sh FOLDER
cd "$1" || exit 1
# It has no limit of its own for a test. The longest, split_huge_page_test, writes
# hundreds of megabytes byte by byte, which takes a debug kernel about twenty minutes.
limit='timeout --kill-after=5 3600'
sed "s/(\"\$@\" 2>&1)/($limit \"\$@\" 2>\&1)/" run_vmtests.sh >/tmp/run_vmtests.sh
grep -q "$limit" /tmp/run_vmtests.sh || exit 1
bash /tmp/run_vmtests.sh
for name in mseal_test droppable seal_elf pkey_sighandler_tests_64; do
	$limit "./$name" </dev/null 2>&1 | sed 's/^/# /'
	status=${PIPESTATUS[0]}
	case $status in
	0) echo "ok 0 $name" ;;
	4) echo "ok 0 $name # SKIP" ;;
	*) echo "not ok 0 $name # exit=$status" ;;
	esac
done
