/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The object preloaded into the stock bochs-bin: patch.c finds and checks the places in Bochs, the
 * other files are what is put there. Each part has one init function, listed in main.c. Everything
 * runs in Bochs's only simulation thread, so nothing here needs a lock.
 */
#ifndef CROSSOVER_UCODE_H
#define CROSSOVER_UCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* patch.c ---------------------------------------------------------------------------------------*/

/* Print a sentence, tell xo lab, and leave with status 9. */
void ucode_refuse(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Refuse unless this process runs exactly the Bochs that all offsets were read from. */
void ucode_check_bochs(void);

/* Address of a symbol that Bochs exports; refuses when it is missing. */
void *ucode_symbol(const char *name);

/*
 * Let Bochs call `handler` in place of its function `name`. `expected` are the bytes its first
 * `size` (at least 14) bytes must have, `what` names the function in the refusal.
 */
void ucode_replace(const char *name, const uint8_t *expected, size_t size, void *handler);

/*
 * The same, but returns what calls Bochs's own function. Its first `size` bytes, `head`, are whole
 * instructions that may run anywhere: at least 14 bytes, at most 18.
 */
void *ucode_wrap(const char *name, const uint8_t *head, size_t size, void *handler);

/* The same for one of Bochs's empty instrumentation stubs (bx_instr_*). */
void ucode_take_stub(const char *name, void *handler);
/* Make one that was taken empty again; not the last, bx_instr_vmexit. Its handler may do it. */
void ucode_release_stub(const char *name);

/* machine.c: the emulated machine as Bochs keeps it
 * ----------------------------------------------*/

void machine_init(void);
/* Where a page of the emulated machine's memory lies, or NULL if it is not plain memory. */
void *machine_page(uint64_t page_number);
/* Where Bochs keeps the memory block (MACHINE_BLOCK bytes) with that number. */
#define MACHINE_BLOCK (128UL << 10)
void *machine_block(uint32_t number);

/* channel.c -------------------------------------------------------------------------------------*/

void channel_init(void);
/* One message to xo lab; waits until it is taken. */
void channel_send(uint32_t type, uint32_t arg, const void *data, size_t size);
/* End the run: the lab failed, and why. */
void channel_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* snapshot.c ------------------------------------------------------------------------------------*/

void snapshot_init(void);
/* Save the machine into the folder; returns false when Bochs could not write it. */
bool snapshot_save(const char *folder);

/* count.c, mark.c, force.c, tlb_bochs.c ---------------------------------------------------------*/

void count_init(void);
void mark_init(void);
void tlb_init(void);

/* disk.c ----------------------------------------------------------------------------------------*/

void disk_init(void);

#endif
