/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Boot code of the lab's disk: the first KiB of the system image, which erofs leaves free. It loads
 * the host's unpacked kernel and initrd by IDE bus-master DMA and enters the kernel by its PVH entry.
 * A boot loader for everybody (BIOS reads, sector by sector, then a kernel that unpacks itself) takes
 * 400 million instructions for that, eight emulated seconds; this takes about a tenth.
 *
 * lab/image.sh fills in the table `loads`, and makes the page at INFO (see info_page() there): PVH
 * start information, module entry, command line, and at INFO_ENTRY the kernel's entry.
 */
#define MAP		0x9000		/* the BIOS's memory map, entries of 24 bytes as PVH wants them */
#define PRD		0x8000		/* physical region descriptors for the DMA */
#define INFO		0xfff000
#define INFO_MAP_ENTRIES (INFO + 48)
#define INFO_ENTRY	(INFO + 64)

#define IDE		0x1f0		/* first channel's registers, then those of PIIX3's bus master */
#define IDE_PCI		0x80000900	/* configuration of PCI device 00:01.1 */
#define PIIX3_IDE	0x70108086
#define READ_DMA	0xc8
#define COM1		0x3f8

	.code16
	.globl start
start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	cld
	ljmp	$0, $1f
1:	movb	$0x42, %ah		/* the second sector; DL is the disk that the BIOS boots from */
	movw	$packet, %si
	int	$0x13
	jc	no_second

	movw	$MAP, %di
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
2:	movl	$0xe820, %eax
	movl	$20, %ecx
	movl	$0x534d4150, %edx
	int	$0x15
	jc	3f
	movl	$0, 20(%di)
	incl	%ebp
	addw	$24, %di
	testl	%ebx, %ebx
	jnz	2b
3:	inb	$0x92, %al		/* address line 20 */
	orb	$2, %al
	outb	%al, $0x92
	cli
	movl	%ebp, map_entries
	lgdt	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmp	$8, $protected

no_second:
	movw	$COM1, %dx
	movb	$'!', %al
	outb	%al, %dx
4:	hlt
	jmp	4b

packet:	.byte	16, 0
	.word	1, 0x7e00, 0
	.quad	1

	.balign	8
gdt:	.quad	0
	.quad	0x00cf9b000000ffff	/* code, 4 GiB */
	.quad	0x00cf93000000ffff	/* data, 4 GiB */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

/* What to load: first sector, sectors, address. Filled in by lab/image.sh; ends with no sectors. */
	.org	400
	.globl	loads
loads:	.fill	9, 4, 0
	.long	0

	.org	510
	.word	0xaa55

/* The second sector. */
	.code32
protected:
	movw	$16, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$0x7c00, %esp
	xorl	%ecx, %ecx		/* device and vendor */
	call	pci
	cmpl	$PIIX3_IDE, %eax
	movl	$bad_controller, %esi
	jne	fail
	movl	$4, %ecx		/* command: I/O ports and bus mastering on */
	call	pci
	orl	$5, %eax
	outl	%eax, %dx
	movl	$0x20, %ecx		/* where its bus master registers are */
	call	pci
	andl	$0xfff0, %eax
	movl	%eax, %ebp

	movl	$loads, %esi
next:	movl	(%esi), %ebx		/* EBX: sector, ECX: sectors left, EDI: address */
	movl	4(%esi), %ecx
	movl	8(%esi), %edi
	jecxz	enter
chunk:	movl	%ecx, %eax
	cmpl	$128, %eax
	jbe	5f
	movl	$128, %eax
5:	call	read
	addl	%eax, %ebx
	subl	%eax, %ecx
	shll	$9, %eax
	addl	%eax, %edi
	testl	%ecx, %ecx
	jnz	chunk
	addl	$12, %esi
	jmp	next

enter:	movl	map_entries, %eax
	movl	%eax, INFO_MAP_ENTRIES
	movl	$INFO, %ebx
	jmp	*INFO_ENTRY

/* Reads EAX sectors, at most 128 (64 KiB, one region), from sector EBX to EDI. */
read:	pushal
	movl	%edi, PRD
	movl	%eax, %ecx
	shll	$9, %ecx
	movw	%cx, PRD + 4		/* 64 KiB is 0 */
	movw	$0x8000, PRD + 6	/* the last region */
	movl	%eax, %ecx
	movl	%ebp, %edx
	xorl	%eax, %eax
	outb	%al, %dx		/* stop */
	addl	$2, %edx
	movb	$6, %al
	outb	%al, %dx		/* forget an error and an interrupt */
	addl	$2, %edx
	movl	$PRD, %eax
	outl	%eax, %dx
	movl	$IDE + 2, %edx
	movb	%cl, %al
	outb	%al, %dx
	incl	%edx
	movl	%ebx, %eax
	outb	%al, %dx
	incl	%edx
	shrl	$8, %eax
	outb	%al, %dx
	incl	%edx
	shrl	$8, %eax
	outb	%al, %dx
	incl	%edx
	shrl	$8, %eax
	orb	$0xe0, %al
	outb	%al, %dx
	incl	%edx
	movb	$READ_DMA, %al
	outb	%al, %dx
	movl	%ebp, %edx
	movb	$9, %al			/* start, towards memory */
	outb	%al, %dx
	addl	$2, %edx
6:	inb	%dx, %al
	testb	$4, %al			/* the disk's interrupt */
	jz	6b
	testb	$2, %al
	jnz	bad
	movl	$IDE + 7, %edx
	inb	%dx, %al
	testb	$0x21, %al
	jnz	bad
	popal
	ret
bad:	movl	$bad_read, %esi
	jmp	fail

/* EAX = word ECX of the disk controller's configuration; EDX = the port to write it by. */
pci:	leal	IDE_PCI(%ecx), %eax
	movl	$0xcf8, %edx
	outl	%eax, %dx
	movl	$0xcfc, %edx
	inl	%dx, %eax
	ret

fail:	movl	$COM1, %edx
7:	lodsb
	outb	%al, %dx
	testb	%al, %al
	jnz	7b
8:	hlt
	jmp	8b

map_entries:
	.long	0
bad_controller:
	.asciz	"lab/boot.S: PCI 00:01.1 is not a PIIX3 IDE controller\n"
bad_read:
	.asciz	"lab/boot.S: the disk does not read\n"
	.org	1024
