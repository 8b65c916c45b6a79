// SPDX-License-Identifier: GPL-2.0
/*
 * The emulated hard disks are inputs of a run, like the boot medium: read-only, and not part of a
 * snapshot. Bochs would copy each image into the snapshot and, worse, copy it back over the image
 * when it resumes. `xo lab` has the image of the system in the snapshot's key, and the agent has
 * not read the payload disk yet when the machine is saved.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/types.h>

#include "ucode.h"

static ssize_t refuse_write(void *image, const void *data, size_t size)
{
	errno = EROFS;
	return -1;
}

static bool save_nothing(void *image, const char *file)
{
	return true;
}

static void restore_nothing(void *image, const char *file)
{
}

void disk_init(void)
{
	static const uint8_t write_code[16] = { 0x8b, 0x7f, 0x28, 0xe9, 0x18, 0xe8, 0xfd, 0xff,
						0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 };
	static const uint8_t save_code[16] = { 0x8b, 0x7f, 0x28, 0xe9, 0x38, 0xff, 0xff, 0xff,
					       0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 };
	static const uint8_t restore_code[16] = { 0x55, 0x48, 0x8d, 0x15, 0x98, 0xf9, 0xff, 0xff,
						  0x48, 0x89, 0xf5, 0x53, 0x48, 0x89, 0xfb, 0x48 };

	ucode_replace("_ZN12flat_image_t5writeEPKvm", write_code, sizeof(write_code), refuse_write);
	ucode_replace("_ZN12flat_image_t10save_stateEPKc", save_code, sizeof(save_code),
		      save_nothing);
	ucode_replace("_ZN12flat_image_t13restore_stateEPKc", restore_code, sizeof(restore_code),
		      restore_nothing);
}
