# SPDX-License-Identifier: GPL-2.0
# As attack_caller_scribbles: 40 processes, 100 connections over each engine.
export rounds=40 tries=100
. /opt/crossover/test/lab/attack_caller_scribbles.sh
