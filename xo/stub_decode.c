// SPDX-License-Identifier: GPL-2.0
/* How a request is decoded: one source for the stub and for the module, which serves visitors. */
#include "../guest/decode.c"
