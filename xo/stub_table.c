// SPDX-License-Identifier: GPL-2.0
/* The table of system calls, as the router compiles it: one source for both sides. */
#include "../guest/marshal_table.c"
