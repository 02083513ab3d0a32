/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.h - the agent's ELF file, parsed once, ready to be placed anywhere.
 *
 * Accepted is a static-PIE with its segments in order, the writable ones last,
 * and no relocations but R_X86_64_RELATIVE.  Nothing outside the given bytes
 * is read, whatever the file says.
 */
#ifndef WY_LAUNCH_IMAGE_H
#define WY_LAUNCH_IMAGE_H

#include <elf.h>
#include <stddef.h>

struct wy_image {
	const unsigned char *file;
	size_t file_len;
	const Elf64_Phdr *phdr;
	unsigned int phdr_nr;
	const Elf64_Rela *rela;
	size_t rela_nr;
	size_t text_len; /* from 0: what is not writable, whole pages */
	size_t init_len; /* up to here there are bytes to write; zeros follow */
	size_t len;      /* of the whole, whole pages */
	size_t entry;
};

/*
 * Parses the file; it must stay where it is as long as the image is used, at
 * an address aligned to 8.  Returns 0 or -ENOEXEC.
 */
int wy_image_parse(struct wy_image *ret, const void *file, size_t len);

/* Returns where in the executable part of the image these bytes are, or 0 if they are not. */
size_t wy_image_find_code(const struct wy_image *image, const void *bytes, size_t len);

/*
 * Builds the first init_len bytes of the image as they must stand in memory at
 * address base.  buf has room for init_len bytes.
 */
void wy_image_build(const struct wy_image *image, unsigned long base, unsigned char *buf);

#endif
