// SPDX-License-Identifier: GPL-2.0
/*
 * Console of the emulated host: every kernel message goes, a byte at a time, to the lab's channel.
 * A port write needs no lock, no memory and no interrupt, so the last words of a panic get out; the
 * emulated serial port cannot do this, since it does not survive being saved and resumed.
 */
#include <linux/console.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/module.h>

#include "channel.h"

#define LAB_PORTS 8 /* 0x6c0..0x6c7 */

static void lab_console_write(struct console *con, const char *text, unsigned int count)
{
	while (count--)
		outb(*text++, LAB_PORT_CONSOLE);
}

static struct console lab_console = {
	.name = "lab",
	.write = lab_console_write,
	.flags = CON_PRINTBUFFER | CON_ENABLED | CON_ANYTIME,
	.index = -1,
};

static int __init lab_console_init(void)
{
	if (!request_region(LAB_PORT_REQUEST, LAB_PORTS, "crossover-lab")) {
		pr_err("lab_console: I/O ports %#x..%#x belong to a device: change lab/channel.h\n",
		       LAB_PORT_REQUEST, LAB_PORT_REQUEST + LAB_PORTS - 1);
		return -EBUSY;
	}
	register_console(&lab_console);
	return 0;
}

static void __exit lab_console_exit(void)
{
	unregister_console(&lab_console);
	release_region(LAB_PORT_REQUEST, LAB_PORTS);
}

module_init(lab_console_init);
module_exit(lab_console_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Kernel messages of the emulated host to the CrossOver lab's channel");
